"""Adam on a processor: one slice of some parameters, in torch's own memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.sac import kernels
from collectiverun_trainer.sac.numpy_networks import view_of
from collectiverun_trainer.sac.optimiser import FIRST_DECAY, SECOND_DECAY, Adam


@dataclass(frozen=True)
class Rates:
    """Learning rate and scale of the second moment with Adam's bias corrections (arXiv:1412.6980, sec. 2)."""

    rate: np.float32
    correction: np.float32

    @classmethod
    def of(cls, learning_rate: float, step: int) -> Rates:
        """Of the step with this number, from 1."""
        rate = learning_rate / (1.0 - FIRST_DECAY**step)
        return cls(np.float32(rate), np.float32((1.0 - SECOND_DECAY**step) ** -0.5))


class Descent:
    """Adam for one slice of some parameters; all arrays are views of torch's memory."""

    def __init__(self, parameters: Iterable[Tensor], optimiser: Adam, slot: int) -> None:
        states = [(parameter, *optimiser.moments(parameter)) for parameter in parameters]
        self._states = [[view_of(part, slot).reshape(-1) for part in state] for state in states]

    def step(self, gradients: Iterable[tuple[int, Array]], rates: Rates) -> None:
        """One step against gradients, each with the index of its parameter."""
        for index, gradient in gradients:
            value, first, second = self._states[index]
            kernels.adam(value, gradient.reshape(-1), first, second, rates.rate, rates.correction)
