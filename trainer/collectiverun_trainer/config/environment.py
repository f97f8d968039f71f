"""Tasks, robots, and how they are stepped."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Self

from pydantic import Field, field_validator, model_validator

from collectiverun_trainer.config.model import Model
from collectiverun_trainer.config.names import ROBOT_ALIASES, ROBOTS, TASK_NAMES


class Task(Model):
    """One Meta-World environment solved by one robot."""

    env: str = Field(
        description="Name of the Meta-World environment, such as reach-v3.",
        max_length=63,
        json_schema_extra={"enum": list(TASK_NAMES)},
    )
    robot: str = Field(
        default="sawyer",
        description="Robot that solves it. kuka is another name of iiwa.",
        max_length=32,
        json_schema_extra={"enum": [*ROBOTS, *ROBOT_ALIASES]},
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
                f"unknown task {self.env!r}{_suggestion(self.env, TASK_NAMES)}; "
                "Meta-World v3 names end in '-v3'"
            )
        if self.robot not in ROBOTS:
            raise ValueError(
                f"unknown robot {self.robot!r}{_suggestion(self.robot, ROBOTS)}; "
                f"known are {', '.join(ROBOTS)}"
            )
        return self


def _suggestion(name: str, names: tuple[str, ...]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class EnvironmentSettings(Model):
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
