"""Parameters of soft actor-critic, which experts and students learn by."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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
from collectiverun_trainer.config.names import TASK_LIMIT


class SACParams(Model):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905). Defaults are the recipe that learned."""

    hidden_sizes: HiddenSizes = Field(
        (256, 256), description="Width in units of each hidden layer, of the actor and of both critics."
    )
    learning_rate: Positive = Field(
        1e-3, description="Learning rate of Adam for actor, critics and temperature."
    )
    batch_size: BatchSize = Field(
        128, description="Transitions drawn from each task's replay buffer in a gradient step."
    )
    discount: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        0.99, description="Discount factor on the value of the next decision."
    )
    target_update_rate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.005,
        description="Share of the critics mixed into the target critics in each gradient step.",
    )
    n_step: int = Field(
        1,
        ge=1,
        le=50,
        description="Decisions whose rewards a critic's target adds up before the target critics' value.",
    )
    actor_average_rate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Share of the actor mixed into its average in each gradient step; the average is what is"
        " evaluated and published. 1: the actor itself.",
    )
    initial_temperature: Positive = Field(
        0.1,
        description="Initial temperature (weight of the entropy); it is tuned automatically.",
    )
    target_entropy: float = Field(
        -4.0,
        ge=-100.0,
        le=100.0,
        description="Entropy of the policy, in nats, that the temperature is tuned towards; usually minus"
        " the number of action dimensions.",
    )
    reward_scale: Positive = Field(
        0.1,
        description="Factor applied to Meta-World's reward (0 to 10 per decision) before learning.",
    )
    success_reward: Weight = Field(
        0.0,
        description="Added to the scaled reward of each decision that ends in success: Meta-World's own"
        " reward hardly tells some goals from what lies beyond them.",
    )
    critic_layer_norm: bool = Field(
        True, description="Apply layer normalisation in the critics, which keeps their values from diverging."
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
        description="Episodes of Meta-World's scripted policy put into the replay buffer first; half of each"
        " batch is drawn from them. 0: learn from scratch.",
    )
    imitation_weight: Weight = Field(
        0.0,
        description="Weight in the actor's loss of its squared distance to the actions of examples, in units"
        " of the critics' mean magnitude. Examples are demonstrations and own episodes that ended in success."
        " It fades linearly to 0 over totalEnvSteps. 0: they are only replayed.",
    )
    imitation_gradient_steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Gradient steps that the actor takes towards the demonstrated actions before it first"
        " acts.",
    )
    imitation_env_steps: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="Env steps, rounded up to whole episodes, that the actor plays as it then is, while the"
        " critics learn what it is worth.",
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
        20_000, description="Env steps between two checkpoints: the most that a killed Job repeats."
    )

    @model_validator(mode="after")
    def _imitates_something(self) -> Self:
        imitates = self.imitation_weight or self.imitation_gradient_steps or self.imitation_env_steps
        if imitates and not self.demonstrations:
            raise ValueError(
                "imitationWeight, imitationGradientSteps and imitationEnvSteps need demonstrations,"
                " of which there are 0"
            )
        return self


class ExpertsParams(SACParams):
    """Parameters of the experts: one soft actor-critic per task, those of a Job stacked in one network."""

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
        description="Training episodes passed on to the trajectory transformer, per task at most.",
    )
    policy_episodes: int = Field(
        20, ge=2, le=1000, description="Episodes of the published policy passed on with them, per task."
    )


class StudentsParams(SACParams):
    """Parameters of the students: per task a new learner helped by the collective, and one that is not."""

    tasks: Annotated[tuple[Task, ...], Field(max_length=TASK_LIMIT)] = Field(
        (),
        description="Tasks to learn, all of them among spec.tasks. Empty: every task the collective was"
        " trained on.",
    )
    mode: Literal["shaping", "finetune"] = Field(
        "shaping",
        description="shaping: a bonus on the reward for acting as the collective would. finetune: the student"
        " starts from the collective's weights. In both the collective acts for the student in the first"
        " randomEnvSteps, at least one episode.",
    )
    start_weight: Weight = Field(
        1.0,
        description="Weight of the bonus at the start, in units of the scaled reward; it counts as far as the"
        " collective succeeds on the task. 0: student and control are equal.",
    )
    bonus_min_std: Positive = Field(
        1.0,
        description="Lower bound, before squashing, of the standard deviation of the collective's actions in"
        " the bonus; a wider one is more tolerant.",
    )
    decay_env_steps: EnvSteps = Field(
        20_000, description="Env steps over which the bonus fades linearly to 0."
    )
    total_env_steps: EnvSteps = Field(
        40_000, description="Budget in env steps of the student, and of its control."
    )
