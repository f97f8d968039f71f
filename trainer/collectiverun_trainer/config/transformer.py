"""Parameters of the trajectory transformer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from collectiverun_trainer.config.model import BatchSize, Fraction, GradientSteps, Model, Positive, Weight


class TrajectoryTransformerParams(Model):
    """Parameters of the encoder that maps a window of recent experience to a task embedding."""

    window: int = Field(
        20,
        ge=2,
        le=200,
        description="Length of the window, in completed decisions before the current one.",
    )
    embedding_size: int = Field(16, ge=2, le=256, description="Length of the task embedding z, in numbers.")
    model_size: int = Field(32, ge=8, le=1024, description="Width of a token, in units; a multiple of heads.")
    layers: int = Field(2, ge=1, le=24, description="Number of transformer layers.")
    heads: int = Field(2, ge=1, le=32, description="Number of attention heads in each layer.")
    feedforward_size: int = Field(
        128, ge=8, le=8192, description="Width of the feed-forward part of a layer, in units."
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="Dropout probability while training."
    )
    mask_probability: Fraction = Field(
        0.15, description="Probability that a token of the window is masked and must be reconstructed."
    )
    contrastive_weight: Weight = Field(
        1.0, description="Weight of the contrastive (InfoNCE) loss, which separates tasks; 0 turns it off."
    )
    reconstruction_weight: Weight = Field(
        0.25, description="Weight of the loss of reconstructing masked tokens; 0 turns it off."
    )
    temporal_weight: Weight = Field(
        0.25,
        description="Weight of the loss that keeps embeddings of neighbouring windows close; 0 turns it off.",
    )
    contrastive_temperature: Positive = Field(
        0.1, description="Temperature of the contrastive softmax; lower separates more sharply."
    )
    positives: Literal["sameTask", "selfSupervised"] = Field(
        "sameTask",
        description="What a window is pulled towards. sameTask: windows of other episodes of its task."
        " selfSupervised: other crops of its own episode, so that no name of a task is used.",
    )
    crossed_episodes: int = Field(
        0,
        ge=0,
        le=1000,
        description="Episodes of each task that are played to learn from beside the experts': in turns the"
        " experts of all tasks act, and chance, so that the task is told by what it gives and not by what is"
        " done.",
    )
    learning_rate: Positive = Field(2e-3, description="Learning rate of AdamW.")
    batch_size: BatchSize = Field(64, description="Anchor windows drawn in a gradient step, over all tasks.")
    gradient_steps: GradientSteps = Field(1500, description="Budget in gradient steps.")
    evaluation_every_gradient_steps: GradientSteps = Field(
        100, description="Gradient steps between two validations on held-out episodes."
    )
    patience: int = Field(
        5,
        ge=1,
        le=1000,
        description="Validations in a row without improvement after which training stops early.",
    )
    checkpoint_every_gradient_steps: GradientSteps = Field(
        500, description="Gradient steps between two checkpoints: the most that a killed Job repeats."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.model_size % self.heads:
            raise ValueError(f"modelSize {self.model_size} is not a multiple of heads {self.heads}")
        if not self.contrastive_weight + self.reconstruction_weight + self.temporal_weight:
            raise ValueError(
                "contrastiveWeight, reconstructionWeight and temporalWeight are all 0: nothing to learn"
            )
        return self
