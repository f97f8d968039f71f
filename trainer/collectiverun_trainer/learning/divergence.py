"""Learners whose losses are no numbers any more: told apart from the others, they go with what they had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.learner import Learner
from collectiverun_trainer.learning.seeded_task import SeededTask


def mark_diverged(active: Sequence[Learner], losses: Mapping[str, Tensor]) -> None:
    """Mark the learners that have a loss, (E,) each, which is NaN or infinite."""
    if losses:
        is_finite = torch.stack([values.isfinite() for values in losses.values()]).all(0)
        for learner, finite in zip(active, is_finite.tolist(), strict=True):
            learner.diverged = not finite


def diverged_tasks(active: Sequence[Learner]) -> list[SeededTask]:
    """The tasks of marked learners. Raises InvalidConfiguration if one has nothing to publish."""
    lost = [learner for learner in active if learner.diverged]
    if early := [learner.task.name for learner in lost if not learner.selection.candidates]:
        raise InvalidConfiguration(
            f"Losses of {', '.join(early)} are no numbers after {lost[0].env_steps} env steps, before any"
            " evaluation: there is nothing to publish; lower params.learningRate or params.rewardScale."
        )
    return list(dict.fromkeys(learner.task for learner in lost))
