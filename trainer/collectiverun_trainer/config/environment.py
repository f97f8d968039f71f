"""Tasks, robots, and how they are stepped."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from collectiverun_trainer.config.model import Model
from collectiverun_trainer.config.names import (
    ROBOT_ALIASES,
    ROBOT_NAME,
    ROBOT_NAME_LIMIT,
    TASK_NAMES,
    is_robot_name,
    robot_fault,
    suggestion,
)


class Task(Model):
    """One Meta-World environment solved by one robot."""

    env: str = Field(
        description="Name of the Meta-World environment, such as reach-v3.",
        max_length=63,
        json_schema_extra={"enum": list(TASK_NAMES)},
    )
    robot: str = Field(
        default="sawyer",
        description="Robot that solves it: one that is built in, or one of robotModels. kuka is another name"
        " of iiwa.",
        max_length=ROBOT_NAME_LIMIT,
        json_schema_extra={"pattern": f"^{ROBOT_NAME}$"},
    )

    @property
    def name(self) -> str:
        """`<env>-<robot>`, the task's folder and its name in every table."""
        return f"{self.env}-{self.robot}"

    @field_validator("robot")
    @classmethod
    def _one_name(cls, robot: str) -> str:
        return ROBOT_ALIASES.get(robot, robot)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.env not in TASK_NAMES:
            raise ValueError(
                f"unknown task {self.env!r}{suggestion(self.env, TASK_NAMES)}; "
                "Meta-World v3 names end in '-v3'"
            )
        if not is_robot_name(self.robot):
            raise ValueError(robot_fault(self.robot, ()))
        return self


Control = Literal["hand", "joint"]


class EnvironmentParams(Model):
    """How every phase steps Meta-World, so that results are comparable."""

    horizon_env_steps: int = Field(
        500,
        ge=10,
        le=500,
        description="Length of an episode, in env steps; a multiple of actionRepeat. An episode never ends"
        " early, not even at success.",
    )
    action_repeat: int = Field(
        2,
        ge=1,
        le=10,
        description="Length of one decision, in env steps: its action is repeated, its reward is averaged.",
    )
    goals: int = Field(
        50, ge=1, le=500, description="Number of different goals (starting layouts) each task has."
    )
    goal_seed: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        description="Seed the goals are drawn from. Reported results use these goals; policies are selected"
        " on others, drawn from goalSeed + 1.",
    )
    control: Control = Field(
        "hand",
        description="What takes the hand to where actions command it. hand: Meta-World's weld, which pulls"
        " the hand there and the arm after it. joint: motors in the arm's joints with its published limits"
        " of angle, speed and torque, so that the robot's reach, speed and strength are part of the task.",
    )

    @property
    def horizon(self) -> int:
        """Length of an episode in decisions."""
        return self.horizon_env_steps // self.action_repeat

    @model_validator(mode="after")
    def _whole_decisions(self) -> Self:
        if self.horizon_env_steps % self.action_repeat:
            raise ValueError(
                f"horizonEnvSteps {self.horizon_env_steps} is not a multiple of"
                f" actionRepeat {self.action_repeat}"
            )
        return self


class EnvironmentSettings(EnvironmentParams):
    """What a phase needs to know to step Meta-World, and what its artifact records of that."""

    robot_models: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of the models of the phase's robots that the run brings along, by their names.",
    )
