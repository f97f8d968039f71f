"""The phases of a run: the trainer's one list of them. All else about phases is derived from it."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, TypeAlias

from pydantic import AfterValidator
from pydantic.alias_generators import to_snake

from collectiverun_trainer.config.collective import (
    EvaluationParams,
    OnlineDistillationParams,
    RefinementParams,
)
from collectiverun_trainer.config.model import Model
from collectiverun_trainer.config.sac import ExpertsParams, StudentsParams
from collectiverun_trainer.config.transformer import TrajectoryTransformerParams


class PhaseEntry(NamedTuple):
    """What the trainer knows of a phase beside its page, `phases/<name in snake_case>.py`."""

    params: type[Model]
    optional: bool = False
    """Whether a run may leave it out."""
    only_of_several_seeds: bool = False
    """Whether runs of one seed have nothing of it."""


PHASES: Final[dict[str, PhaseEntry]] = {
    "experts": PhaseEntry(ExpertsParams),
    "trajectoryTransformer": PhaseEntry(TrajectoryTransformerParams),
    "onlineDistillation": PhaseEntry(OnlineDistillationParams),
    "refinement": PhaseEntry(RefinementParams, optional=True),
    "students": PhaseEntry(StudentsParams, optional=True),
    "evaluation": PhaseEntry(EvaluationParams),
    "comparison": PhaseEntry(Model, only_of_several_seeds=True),
}
"""By name, in the order in which a run goes through them."""

PHASE_NAMES: Final = tuple(PHASES)
PARAMS: Final = {name: entry.params for name, entry in PHASES.items()}


def _known(name: str) -> str:
    if name not in PHASES:
        raise ValueError(f"unknown phase {name!r}; use one of {', '.join(PHASES)}")
    return name


Phase: TypeAlias = Annotated[str, AfterValidator(_known)]
"""Name of a phase; a model refuses any other."""


def earlier_phases(phase: Phase) -> tuple[Phase, ...]:
    """The phases before this one."""
    return PHASE_NAMES[: PHASE_NAMES.index(phase)]


def page_name(phase: Phase) -> str:
    """Name of the phase's module, such as `online_distillation`."""
    return to_snake(phase)


def title(phase: Phase) -> str:
    """Name for people, such as `Online distillation`."""
    return to_snake(phase).replace("_", " ").capitalize()
