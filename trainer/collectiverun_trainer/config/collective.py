"""Parameters of online distillation, refinement and evaluation."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from collectiverun_trainer.config.model import (
    BatchSize,
    EnvSteps,
    Fraction,
    GradientSteps,
    HiddenSizes,
    Model,
    Positive,
    Weight,
)


class CollectiveLossParams(Model):
    """The distillation losses, shared by online distillation and refinement."""

    actor_loss: Literal["kl", "mse"] = Field(
        "kl",
        description="Loss of the actor against the experts. kl: the divergence KL(expert || collective) of"
        " their Gaussians before squashing. mse: weighted squared error of mean and log standard deviation.",
    )
    critic_weight: Weight = Field(
        0.5, description="Weight of the critics' regression on the experts' values; 0 turns it off."
    )
    learning_rate: Positive = Field(1e-3, description="Learning rate of Adam.")
    batch_size: BatchSize = Field(
        256, description="Rows drawn in a gradient step over all tasks, equally many of each."
    )
    selection_episodes: int = Field(
        10,
        ge=1,
        le=500,
        description="Episodes per task of each evaluation, on goals that are not among the reported ones.",
    )


class OnlineDistillationParams(CollectiveLossParams):
    """Parameters of online distillation: the collective learns from all experts while it acts."""

    hidden_sizes: HiddenSizes = Field(
        (256, 256), description="Width in units of each hidden layer, of the actor and of both critics."
    )
    env_steps_per_task: EnvSteps = Field(
        100_000, description="Budget in env steps for each task, rounded up to whole rounds of episodes."
    )
    environments_per_task: int = Field(
        5, ge=1, le=256, description="Environments of each task that are stepped side by side."
    )
    random_share: Fraction = Field(
        0.1, description="First share of the episodes, from 0 to 1: uniformly random actions."
    )
    collective_share: Fraction = Field(
        0.6,
        description="Next share of the episodes: the collective acts and the experts label what it reaches."
        " In the rest, up to 1, the experts act.",
    )
    gradient_steps_per_decision: int = Field(
        8, ge=1, le=256, description="Gradient steps taken after each decision of all environments."
    )
    evaluation_every_env_steps: EnvSteps = Field(
        20_000,
        description="Env steps of each task between two evaluations; the network of the best one is"
        " published.",
    )
    checkpoint_every_env_steps: EnvSteps = Field(
        20_000,
        description="Env steps of each task between two checkpoints: the most that a killed Job repeats.",
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.random_share + self.collective_share > 1.0:
            raise ValueError(
                f"randomShare {self.random_share} + collectiveShare {self.collective_share} is more than 1"
            )
        return self


class RefinementParams(CollectiveLossParams):
    """Parameters of refinement: further training of the collective on the whole online buffer."""

    learning_rate: Positive = Field(3e-4, description="Learning rate of Adam.")
    gradient_steps: GradientSteps = Field(10_000, description="Budget in gradient steps.")
    evaluation_every_gradient_steps: GradientSteps = Field(
        1000, description="Gradient steps between two evaluations on held-out and on played episodes."
    )
    patience: int = Field(
        3,
        ge=1,
        le=1000,
        description="Evaluations in a row without improvement after which training stops early.",
    )
    checkpoint_every_gradient_steps: GradientSteps = Field(
        2000, description="Gradient steps between two checkpoints: the most that a killed Job repeats."
    )


class EvaluationParams(Model):
    """Parameters of the evaluation: what is measured besides success, and the videos."""

    ablations: bool = Field(
        True,
        description="Also evaluate the collective without its task embedding, and with that of another task,"
        " to show what the embedding contributes.",
    )
    videos: bool = Field(True, description="Record a video of one episode of the collective on each task.")
    video_size: int = Field(240, ge=64, le=1024, description="Width and height of a video, in pixels.")
    video_frames_per_second: int = Field(
        20, ge=1, le=60, description="Speed of a video, in frames per second."
    )
