"""The units of a collective's critics: mean and spread of Q per task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

STD_FLOOR = 1e-3


@dataclass(frozen=True)
class QScale:
    """Mean and spread of the experts' Q per task. Scales the critics' targets; an input to nothing."""

    mean: Tensor
    """(tasks,)"""
    std: Tensor
    """(tasks,), at least STD_FLOOR."""

    @classmethod
    def of(cls, q: Sequence[Tensor]) -> QScale:
        """The scale of each task's labels, a vector for each task."""
        return cls(
            torch.stack([of_task.mean() for of_task in q]),
            torch.stack([of_task.std(correction=0).clamp(min=STD_FLOOR) for of_task in q]),
        )

    def normalise(self, q: Tensor, task: Tensor) -> Tensor:
        """`q` (rows,) in units of the spread of its task (rows,) around the task's mean."""
        return (q - self.mean[task]) / self.std[task]

    def to(self, device: torch.device) -> QScale:
        """The same scale on a device."""
        return QScale(self.mean.to(device), self.std.to(device))
