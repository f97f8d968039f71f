"""What one episode of students and controls amounts to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.environments.vector import Step


class EpisodeFigures:
    """Sums over an episode's decisions, a figure for each of `rows` environments."""

    def __init__(self, rows: int) -> None:
        self._reward, self._success, self._bonus = torch.zeros(3, rows)
        self._losses: list[dict[str, Tensor]] = []
        self._decisions = 0

    def add(self, step: Step, bonus: Tensor, losses: Sequence[dict[str, Tensor]]) -> None:
        """Take in a decision: where it led, its bonus ρ (rows,), the losses of its gradient steps."""
        self._reward += torch.from_numpy(step.reward)
        self._success = torch.maximum(self._success, torch.from_numpy(step.success_any.astype(np.float32)))
        self._bonus += bonus
        self._losses += losses
        self._decisions += 1

    def mean(self, action_repeat: int) -> dict[str, Tensor]:
        """Return and any-step success, mean bonus, mean losses if there were gradient steps: (rows,) each."""
        figures = {
            "episode/return": self._reward * action_repeat,
            "episode/success": self._success,
            "shaping/bonus": self._bonus / self._decisions,
        }
        for name in self._losses[0] if self._losses else ():
            figures[name] = torch.stack([losses[name] for losses in self._losses]).mean(0)
        return figures
