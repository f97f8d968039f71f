"""Which state of a network is published: the best on selection goals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.outcomes import mean_of


@dataclass
class Candidate:
    """A state with its score on selection goals."""

    step: int
    success: Success
    state: dict[str, Any]


@dataclass
class Selection:
    """The best states so far, and all scores; the later of two equals wins.

    The best of many noisy scores flatters itself. Where that matters, more states are kept than one, and are
    tried again on fresh goals in the end (`confirm`).
    """

    kept: int = 1
    """States to keep."""
    scores: list[tuple[int, Success]] = field(default_factory=list)
    """(step, success on selection goals) in the order of evaluation."""
    candidates: list[Candidate] = field(default_factory=list)
    """At most `kept`, the best first."""

    @property
    def best(self) -> Success | None:
        """The best candidate's score; None before an evaluation."""
        return self.candidates[0].success if self.candidates else None

    @property
    def best_step(self) -> int:
        """Where that was scored; 0 before an evaluation."""
        return self.candidates[0].step if self.candidates else 0

    @property
    def state(self) -> dict[str, Any]:
        """The best candidate's state: weights."""
        return self.candidates[0].state

    def offer(self, step: int, success: Success, state: Mapping[str, Any]) -> bool:
        """Record a score; keep a copy of the state if it is among the best. Whether it is the best."""
        self.scores.append((step, success))
        place = sum(rank(other.success) > rank(success) for other in self.candidates)
        if place < self.kept:
            self.candidates.insert(place, Candidate(step, success, copy.deepcopy(dict(state))))
            del self.candidates[self.kept :]
        return place == 0

    def confirm(self, fresh: Sequence[Success]) -> None:
        """Keep the candidate that is best on both goal sets: `fresh` has each one's success on the other.

        Its score becomes the mean of both.
        """
        for candidate, success in zip(self.candidates, fresh, strict=True):
            candidate.success = mean_of([candidate.success, success])
        self.candidates = [max(self.candidates, key=lambda candidate: rank(candidate.success))]

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {
            "scores": [[step, *rank(success)] for step, success in self.scores],
            "candidates": [[each.step, *rank(each.success), each.state] for each in self.candidates],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.scores = [(step, _success(*rates)) for step, *rates in state["scores"]]
        self.candidates = [
            Candidate(step, _success(*rates), weights) for step, *rates, weights in state["candidates"]
        ]


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
