"""The phases of the method, each a module that reads from top to bottom like a section of the paper.

A phase module offers `run(context) -> PhaseResult` and gets everything it needs from that one object. It must
never reach storage by another way, read the environment or the clock, or import another phase.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from collectiverun_trainer.config import Phase
from collectiverun_trainer.config.phases import page_name

if TYPE_CHECKING:
    from collectiverun_trainer.order import PhaseResult
    from collectiverun_trainer.phases.context import PhaseContext


def load(phase: Phase) -> Callable[[PhaseContext], PhaseResult]:
    """The `run` function of a phase. Only that phase's module is imported: others may be heavy."""
    module = importlib.import_module(f"{__name__}.{page_name(phase)}")
    return cast("Callable[[PhaseContext], PhaseResult]", module.run)
