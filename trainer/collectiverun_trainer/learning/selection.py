"""Which state of a network is published: the best on selection goals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectiverun_trainer.order import Success


@dataclass
class Selection:
    """The best state so far, and all scores; the later of two equals wins."""

    scores: list[tuple[int, Success]] = field(default_factory=list)
    """(step, success on selection goals) in the order of evaluation."""
    best: Success | None = None
    best_step: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    """The state offered with the best score: weights."""

    def offer(self, step: int, success: Success, state: Mapping[str, Any]) -> bool:
        """Record a score; keep a copy of the state if it is the best. Whether it is."""
        self.scores.append((step, success))
        better = self.best is None or rank(success) >= rank(self.best)
        if better:
            self.best, self.best_step = success, step
            self.state = copy.deepcopy(dict(state))
        return better

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {
            "scores": [[step, *rank(success)] for step, success in self.scores],
            "best": list(rank(self.best)) if self.best else None,
            "best_step": self.best_step,
            "state": self.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.scores = [(step, _success(*rates)) for step, *rates in state["scores"]]
        self.best = _success(*state["best"]) if state["best"] else None
        self.best_step, self.state = state["best_step"], state["state"]


def rank(success: Success) -> tuple[float, float]:
    """The order of states: success at the end, then at any step."""
    return success.at_end, success.any_step


def _success(at_end: float, any_step: float) -> Success:
    return Success(at_end=at_end, any_step=any_step)


StopRule = Callable[[Selection], bool]
"""Whether a learner with these scores may stop before its budget is spent."""


def never(selection: Selection) -> bool:
    """The stop rule of learners that use their whole budget."""
    return False


def at_success(threshold: float | None, patience: int) -> StopRule:
    """Stop once success at the end reached the threshold in the last `patience` evaluations; None: never."""
    if threshold is None:
        return never

    def reached(selection: Selection) -> bool:
        recent = [success.at_end for _, success in selection.scores[-patience:]]
        return len(recent) == patience and min(recent) >= threshold

    return reached
