"""Typed parameters of every phase: the one source of the command's, the operator's and the schema's checks.

Pure data: pydantic and the names of Meta-World's tasks. Nothing heavy is imported, because the operator
reads these models too. Field names are snake_case here and lowerCamelCase in a run file. One *decision* is
`environment.actionRepeat` env steps; every count a user writes or reads is in env steps.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

ROBOTS: tuple[str, ...] = ("sawyer",)

# The fifty tasks of Meta-World v3, in the order of its own MT50 list of names.
TASK_NAMES: tuple[str, ...] = tuple(
    f"{name}-v3"
    for name in [
        "assembly",
        "basketball",
        "bin-picking",
        "box-close",
        "button-press-topdown",
        "button-press-topdown-wall",
        "button-press",
        "button-press-wall",
        "coffee-button",
        "coffee-pull",
        "coffee-push",
        "dial-turn",
        "disassemble",
        "door-close",
        "door-lock",
        "door-open",
        "door-unlock",
        "hand-insert",
        "drawer-close",
        "drawer-open",
        "faucet-open",
        "faucet-close",
        "hammer",
        "handle-press-side",
        "handle-press",
        "handle-pull-side",
        "handle-pull",
        "lever-pull",
        "pick-place-wall",
        "pick-out-of-hole",
        "pick-place",
        "plate-slide",
        "plate-slide-side",
        "plate-slide-back",
        "plate-slide-back-side",
        "peg-insert-side",
        "peg-unplug-side",
        "soccer",
        "stick-push",
        "stick-pull",
        "push",
        "push-wall",
        "push-back",
        "reach",
        "reach-wall",
        "shelf-place",
        "sweep-into",
        "sweep",
        "window-open",
        "window-close",
    ]
)

PHASE_NAMES: tuple[str, ...] = (
    "experts",
    "trajectoryTransformer",
    "onlineDistillation",
    "refinement",
    "students",
    "evaluation",
)

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1e6)]
Weight = Annotated[float, Field(ge=0.0, le=1e6)]
Width = Annotated[int, Field(ge=8, le=4096)]
HiddenSizes = Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)]
EnvSteps = Annotated[int, Field(ge=1, le=1_000_000_000)]
GradientSteps = Annotated[int, Field(ge=1, le=100_000_000)]
BatchSize = Annotated[int, Field(ge=2, le=65_536)]


class Model(BaseModel):
    """Base of all parameter models: camelCase outside, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


class Task(Model):
    """One Meta-World environment solved by one robot."""

    env: str = Field(description="Meta-World task, such as reach-v3.", max_length=63)
    robot: str = Field(
        default="sawyer", description="Robot that solves it; only sawyer for now.", max_length=32
    )

    @property
    def name(self) -> str:
        """`<env>-<robot>`, the task's folder and its name in every table."""
        return f"{self.env}-{self.robot}"

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.env not in TASK_NAMES:
            raise ValueError(
                f"unknown task {self.env!r}{_suggestion(self.env)}; Meta-World v3 names end in '-v3'"
            )
        if self.robot not in ROBOTS:
            raise ValueError(
                f"robot {self.robot!r} is not supported yet; supported for now: {', '.join(ROBOTS)}"
            )
        return self


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, TASK_NAMES, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class EnvironmentSettings(Model):
    """How every phase steps Meta-World."""

    horizon_env_steps: int = Field(500, ge=10, le=500, description="Length of an episode in env steps.")
    action_repeat: int = Field(2, ge=1, le=10, description="Env steps one decision lasts.")
    goals: int = Field(50, ge=1, le=500, description="Different goals a task has.")
    goal_seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed the goals are drawn from.")

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


class SACParams(Model):
    """Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905). Defaults are the recipe that learned."""

    hidden_sizes: HiddenSizes = Field(
        (256, 256), description="Width of each hidden layer of actor and critics."
    )
    learning_rate: Positive = Field(1e-3, description="Adam step size of actor, critics and temperature.")
    batch_size: BatchSize = Field(128, description="Transitions a gradient step draws per expert.")
    discount: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.99, description="Discount per decision.")
    target_update_rate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.005, description="Share of the critics that flows into the target critics each gradient step."
    )
    initial_temperature: Positive = Field(0.1, description="Temperature (entropy weight) at the start.")
    target_entropy: float = Field(
        -4.0, ge=-100.0, le=100.0, description="Entropy the temperature steers to, in nats."
    )
    reward_scale: Positive = Field(0.1, description="Factor on Meta-World's reward of 0..10 before learning.")
    critic_layer_norm: bool = Field(True, description="Layer normalisation in the critics' hidden layers.")
    random_env_steps: int = Field(
        1000, ge=0, le=10_000_000, description="Env steps of uniform actions at the start."
    )
    gradient_steps_per_decision: int = Field(
        1, ge=1, le=64, description="Gradient steps taken after each decision."
    )
    demonstrations: int = Field(
        0,
        ge=0,
        le=1000,
        description="Scripted episodes put in the replay first; half of each batch is drawn from them.",
    )
    total_env_steps: EnvSteps = Field(400_000, description="Env steps a task is trained for at most.")
    evaluation_every_env_steps: EnvSteps = Field(10_000, description="Env steps between two evaluations.")
    selection_episodes: int = Field(
        10, ge=1, le=500, description="Episodes on selection goals an evaluation takes."
    )
    checkpoint_every_env_steps: EnvSteps = Field(20_000, description="Env steps between two checkpoints.")


class ExpertsParams(SACParams):
    """One SAC expert per task."""

    source: Literal["sac", "scripted"] = Field(
        "sac",
        description="'scripted' puts Meta-World's scripted policies in the experts' place, for smoke runs.",
    )
    stop_at_success: Fraction | None = Field(
        None,
        description="An expert stops once its at-end success on selection goals reaches this; unset: never.",
    )
    stop_patience: int = Field(
        2, ge=1, le=100, description="Evaluations in a row that must reach stopAtSuccess."
    )
    distill_episodes: int = Field(
        200, ge=2, le=10_000, description="Training episodes kept in buffer_distill at most."
    )
    policy_episodes: int = Field(
        20, ge=2, le=1000, description="Episodes of the final policy added to buffer_distill."
    )


class TrajectoryTransformerParams(Model):
    """Self-supervised encoder of windows of experience into task embeddings."""

    window: int = Field(20, ge=2, le=200, description="Completed decisions the encoder sees.")
    embedding_size: int = Field(16, ge=2, le=256, description="Length of the task embedding z.")
    model_size: int = Field(32, ge=8, le=1024, description="Width of a token.")
    layers: int = Field(2, ge=1, le=24, description="Transformer layers.")
    heads: int = Field(2, ge=1, le=32, description="Attention heads; must divide modelSize.")
    feedforward_size: int = Field(
        128, ge=8, le=8192, description="Width of the feed-forward part of a layer."
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(0.0, description="Dropout while training.")
    mask_probability: Fraction = Field(
        0.15, description="Chance that a token is masked and must be reconstructed."
    )
    contrastive_weight: Weight = Field(1.0, description="Weight of the InfoNCE loss; 0 turns it off.")
    reconstruction_weight: Weight = Field(
        0.25, description="Weight of the masked-reconstruction loss; 0 turns it off."
    )
    temporal_weight: Weight = Field(
        0.25, description="Weight of the temporal-consistency loss; 0 turns it off."
    )
    contrastive_temperature: Positive = Field(0.1, description="Temperature of the InfoNCE softmax.")
    positives: Literal["sameTask", "selfSupervised"] = Field(
        "sameTask",
        description="'sameTask': windows of the task's other episodes; 'selfSupervised': other crops of one.",
    )
    learning_rate: Positive = Field(2e-3, description="AdamW step size.")
    batch_size: BatchSize = Field(64, description="Anchor windows a gradient step draws.")
    gradient_steps: GradientSteps = Field(1500, description="Gradient steps at most.")
    evaluation_every_gradient_steps: GradientSteps = Field(
        100, description="Gradient steps between two validations."
    )
    patience: int = Field(5, ge=1, le=1000, description="Validations without gain before training stops.")
    checkpoint_every_gradient_steps: GradientSteps = Field(
        500, description="Gradient steps between two checkpoints."
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


class CollectiveLossParams(Model):
    """How the collective network is taught; shared by online distillation and refinement."""

    actor_loss: Literal["kl", "mse"] = Field(
        "kl",
        description="'kl': KL(expert || collective) on pre-squash Gaussians; 'mse': weighted squared error.",
    )
    critic_weight: Weight = Field(0.5, description="Weight of the critics' regression; 0 turns it off.")
    learning_rate: Positive = Field(1e-3, description="Adam step size.")
    batch_size: BatchSize = Field(
        256, description="Rows a gradient step draws, the same number of every task."
    )
    selection_episodes: int = Field(
        10, ge=1, le=500, description="Episodes a task on selection goals per evaluation."
    )


class OnlineDistillationParams(CollectiveLossParams):
    """The collective network is taught online by all experts at once."""

    hidden_sizes: HiddenSizes = Field(
        (256, 256), description="Width of each hidden layer of actor and critics."
    )
    env_steps_per_task: EnvSteps = Field(100_000, description="Env steps collected per task.")
    environments_per_task: int = Field(
        5, ge=1, le=256, description="Environments of a task that run side by side."
    )
    random_share: Fraction = Field(0.1, description="First share of the episodes: uniform random actions.")
    collective_share: Fraction = Field(
        0.6, description="Next share: the collective acts; the expert acts in the rest."
    )
    gradient_steps_per_decision: int = Field(
        8, ge=1, le=256, description="Gradient steps per decision of the vectorised environment."
    )
    evaluation_every_env_steps: EnvSteps = Field(
        20_000, description="Env steps per task between two evaluations."
    )
    checkpoint_every_env_steps: EnvSteps = Field(
        20_000, description="Env steps per task between two checkpoints."
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.random_share + self.collective_share > 1.0:
            raise ValueError(
                f"randomShare {self.random_share} + collectiveShare {self.collective_share} is more than 1"
            )
        return self


class RefinementParams(CollectiveLossParams):
    """More training of the collective network on the whole online buffer."""

    learning_rate: Positive = Field(3e-4, description="Adam step size.")
    gradient_steps: GradientSteps = Field(10_000, description="Gradient steps at most.")
    evaluation_every_gradient_steps: GradientSteps = Field(
        1000, description="Gradient steps between two validations."
    )
    patience: int = Field(3, ge=1, le=1000, description="Validations without gain before training stops.")
    checkpoint_every_gradient_steps: GradientSteps = Field(
        2000, description="Gradient steps between two checkpoints."
    )


class StudentsParams(SACParams):
    """A fresh SAC student per task, shaped by the collective, beside an unshaped control."""

    tasks: Annotated[tuple[Task, ...], Field(max_length=64)] = Field(
        (), description="Tasks students learn; empty: all tasks of the run."
    )
    mode: Literal["shaping", "finetune"] = Field(
        "shaping",
        description="'shaping' adds a bonus to the reward; 'finetune' starts from the collective's weights.",
    )
    start_weight: Weight = Field(
        1.0, description="Weight of the bonus at the start, in units of the scaled reward."
    )
    bonus_min_std: Positive = Field(
        1.0, description="Least spread, before squashing, the collective's Gaussian counts with in the bonus."
    )
    decay_env_steps: EnvSteps = Field(20_000, description="Env steps over which the bonus fades to 0.")
    total_env_steps: EnvSteps = Field(40_000, description="Env steps student and control each learn for.")


class EvaluationParams(Model):
    """The success table, the ablations, the pictures and the report."""

    ablations: bool = Field(
        True, description="Also evaluate the collective with z zeroed and z of another task."
    )
    videos: bool = Field(True, description="Record one short video of the collective per task.")
    video_size: int = Field(240, ge=64, le=1024, description="Width and height of a video in pixels.")
    video_frames_per_second: int = Field(20, ge=1, le=60, description="Frames a second of a video.")


PARAMS: dict[str, type[Model]] = {
    "experts": ExpertsParams,
    "trajectoryTransformer": TrajectoryTransformerParams,
    "onlineDistillation": OnlineDistillationParams,
    "refinement": RefinementParams,
    "students": StudentsParams,
    "evaluation": EvaluationParams,
}
