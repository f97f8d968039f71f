"""Parameters of what learns by soft actor-critic: experts and students."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from collectiverun_trainer.config.environment import Task
from collectiverun_trainer.config.model import (
    BatchSize,
    EnvSteps,
    Fraction,
    HiddenSizes,
    Model,
    Positive,
    Weight,
)


class SACParams(Model):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905). Defaults are the recipe that learned."""

    hidden_sizes: HiddenSizes = Field(
        (256, 256), description="Width in units of each hidden layer, of the actor and of both critics."
    )
    learning_rate: Positive = Field(
        1e-3, description="Step size of Adam, the same for actor, critics and temperature."
    )
    batch_size: BatchSize = Field(
        128, description="Transitions a gradient step draws from each task's replay."
    )
    discount: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.99, description="Factor on the value of the next decision: how far ahead is looked."
    )
    target_update_rate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.005, description="Share of the critics that flows into the target critics each gradient step."
    )
    initial_temperature: Positive = Field(
        0.1, description="Temperature (weight of the entropy) at the start; it is learned from there on."
    )
    target_entropy: float = Field(
        -4.0,
        ge=-100.0,
        le=100.0,
        description="Entropy of the policy, in nats, to which the temperature steers; usually minus the"
        " number of action dimensions.",
    )
    reward_scale: Positive = Field(
        0.1,
        description="Factor on Meta-World's reward (0 to 10 a decision) before anything is learned from it.",
    )
    critic_layer_norm: bool = Field(
        True, description="Normalise the critics' hidden layers, which keeps values from running away."
    )
    random_env_steps: int = Field(
        1000,
        ge=0,
        le=10_000_000,
        description="Env steps of uniformly random actions at the start, before the policy acts; none where"
        " there are demonstrations.",
    )
    gradient_steps_per_decision: int = Field(
        1, ge=1, le=64, description="Gradient steps taken after each decision (actionRepeat env steps)."
    )
    demonstrations: int = Field(
        0,
        ge=0,
        le=1000,
        description="Episodes of Meta-World's scripted policy put in the replay first; half of each batch is"
        " drawn from them. 0: learn from scratch.",
    )
    total_env_steps: EnvSteps = Field(
        400_000, description="Budget in env steps for each task, rounded up to whole episodes."
    )
    evaluation_every_env_steps: EnvSteps = Field(
        10_000, description="Env steps between two evaluations; the policy of the best one is published."
    )
    selection_episodes: int = Field(
        10,
        ge=1,
        le=500,
        description="Episodes of each evaluation, on goals that are not among the reported ones.",
    )
    checkpoint_every_env_steps: EnvSteps = Field(
        20_000, description="Env steps between two checkpoints: what a killed Job has to do again at most."
    )


class ExpertsParams(SACParams):
    """Parameters of the experts: one soft actor-critic per task, all tasks of a Job as one batch."""

    source: Literal["sac", "scripted"] = Field(
        "sac",
        description="sac: experts are trained. scripted: Meta-World's own scripted policies take their place,"
        " for quick trials; nothing is trained.",
    )
    stop_at_success: Fraction | None = Field(
        None,
        description="An expert stops early once its success at the end of episodes, from 0 to 1, reaches this"
        " in stopPatience evaluations in a row. Unset: it uses its whole budget.",
    )
    stop_patience: int = Field(
        2, ge=1, le=100, description="Evaluations in a row that must reach stopAtSuccess."
    )
    distill_episodes: int = Field(
        200,
        ge=2,
        le=10_000,
        description="Episodes of all of training handed on to the trajectory transformer, per task at most.",
    )
    policy_episodes: int = Field(
        20, ge=2, le=1000, description="Episodes of the published policy handed on beside them, per task."
    )


class StudentsParams(SACParams):
    """Parameters of the students: per task a fresh learner helped by the collective, and one that is not."""

    tasks: Annotated[tuple[Task, ...], Field(max_length=64)] = Field(
        (),
        description="Tasks to learn, all of them among spec.tasks. Empty: every task the collective was"
        " trained on.",
    )
    mode: Literal["shaping", "finetune"] = Field(
        "shaping",
        description="shaping: a bonus on the reward for acting as the collective would. finetune: the student"
        " starts from the collective's weights.",
    )
    start_weight: Weight = Field(
        1.0,
        description="Weight of the bonus at the start, in units of the scaled reward. 0: student and control"
        " are equal.",
    )
    bonus_min_std: Positive = Field(
        1.0,
        description="Least standard deviation, before squashing, with which the collective's actions count in"
        " the bonus; wider forgives more.",
    )
    decay_env_steps: EnvSteps = Field(
        20_000, description="Env steps over which the bonus fades linearly to 0."
    )
    total_env_steps: EnvSteps = Field(
        40_000, description="Budget in env steps, for the student and for its control each."
    )
