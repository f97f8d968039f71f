"""The state that is published: best at the end, then at any step, then the later one."""

from __future__ import annotations

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
