"""The state that is published: best at the end, then at any step, then the later one."""

from __future__ import annotations

import pytest
import torch

from collectiverun_trainer.learning.selection import Selection
from collectiverun_trainer.order import Success


def test_the_best_by_end_then_any_step_then_the_later_is_kept() -> None:
    selection = Selection()
    scores = [(0.5, 0.9), (0.6, 0.6), (0.6, 0.7), (0.6, 0.7), (0.5, 1.0)]
    for step, (at_end, any_step) in enumerate(scores):
        success = Success(at_end=at_end, any_step=any_step)
        kept = selection.offer(step, success, {"weights": torch.tensor(float(step))})
        assert kept == (step in (0, 1, 2, 3))
    assert selection.best_step == 3
    assert selection.state["weights"].item() == 3.0
    assert [step for step, _ in selection.scores] == [0, 1, 2, 3, 4]


def test_what_is_kept_does_not_change_with_the_network() -> None:
    selection, weights = Selection(), torch.zeros(2)
    selection.offer(0, Success(at_end=0.1, any_step=0.1), {"weights": weights})
    weights += 1
    assert torch.equal(selection.state["weights"], torch.zeros(2))


def test_state_survives_a_checkpoint() -> None:
    selection, restored = Selection(), Selection()
    restored.load_state_dict(selection.state_dict())
    assert restored.best is None
    selection.offer(7, Success(at_end=0.25, any_step=0.5), {"weights": torch.ones(1)})
    restored.load_state_dict(selection.state_dict())
    assert (restored.best, restored.best_step, restored.scores) == (
        selection.best,
        selection.best_step,
        selection.scores,
    )


def test_the_best_few_are_kept_and_judged_by_both_goal_sets_in_the_end() -> None:
    selection = Selection(kept=3)
    for step, at_end in enumerate([0.2, 0.9, 0.5, 0.8, 0.85]):
        success = Success(at_end=at_end, any_step=1.0)
        assert selection.offer(step, success, {"weights": step}) == (step in (0, 1))
    assert [candidate.state["weights"] for candidate in selection.candidates] == [1, 4, 3]
    restored = Selection(kept=3)
    restored.load_state_dict(selection.state_dict())
    restored.confirm([Success(at_end=end, any_step=end) for end in (0.4, 0.6, 0.6)])
    assert restored.state == {"weights": 4}
    assert restored.best_step == 4
    assert restored.best is not None
    assert restored.best.at_end == pytest.approx(0.725)
    assert restored.best.any_step == pytest.approx(0.8)
