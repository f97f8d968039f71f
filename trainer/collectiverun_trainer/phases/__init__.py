"""The phases of the method, each a module that reads from top to bottom like a page of the paper.

A phase module offers `run(context) -> PhaseResult` and gets everything it needs from that one object. It must
never reach storage by another way, read the environment or the clock, or import another phase.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collectiverun_trainer.order import PhaseResult
    from collectiverun_trainer.phases.context import PhaseContext

MODULES: Final[dict[str, str]] = {
    "experts": "experts",
    "trajectoryTransformer": "trajectory_transformer",
    "onlineDistillation": "online_distillation",
    "refinement": "refinement",
    "students": "students",
    "evaluation": "evaluation",
}


def load(phase: str) -> Callable[[PhaseContext], PhaseResult]:
    """The `run` function of a phase. Only that phase's module is imported: others may be heavy."""
    module = importlib.import_module(f"{__name__}.{MODULES[phase]}")
    return cast("Callable[[PhaseContext], PhaseResult]", module.run)
