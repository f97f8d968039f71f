"""Which policy acts when in online distillation: a fixed plan of rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import EnvironmentSettings, OnlineDistillationParams

HELD_OUT_SHARE = 0.2
RANDOM, COLLECTIVE, EXPERT = "random", "collective", "expert"


@dataclass(frozen=True)
class Schedule:
    """`rounds` rounds in which `copies` environments of every task play one whole episode each."""

    rounds: int
    copies: int
    random_share: float
    collective_share: float

    @classmethod
    def of(cls, params: OnlineDistillationParams, settings: EnvironmentSettings) -> Schedule:
        """The parameters' schedule; the budget is rounded up to whole rounds."""
        env_steps_per_round = params.environments_per_task * settings.horizon_env_steps
        rounds = -(-params.env_steps_per_task // env_steps_per_round)
        return cls(rounds, params.environments_per_task, params.random_share, params.collective_share)

    def source(self, round_index: int) -> str:
        """The acting policy of a round: the share that its middle falls into."""
        middle = (round_index + 0.5) / self.rounds
        if middle < self.random_share:
            return RANDOM
        return COLLECTIVE if middle < self.random_share + self.collective_share else EXPERT

    def noise(self, round_index: int) -> npt.NDArray[np.float32]:
        """Factor (copies,) on the σ of the acting policy, spread evenly over 0 … 1; the copies take turns.

        Factor 0 acts as in evaluation, so the experts label the states that matter; factor 1 samples the
        Gaussian itself, so they also label the states around those. A single copy alternates.
        """
        if self.copies == 1:
            return np.array([round_index % 2], dtype=np.float32)
        turn = (np.arange(self.copies) + round_index) % self.copies
        return (turn / (self.copies - 1)).astype(np.float32)

    def held_out(self) -> npt.NDArray[np.bool_]:
        """Which episodes (rounds, copies) of every task are kept for validation, some of every source.

        A source with a single episode per task keeps it for training.
        """
        sources = [self.source(round_index) for round_index in range(self.rounds)]
        held_out = np.zeros((self.rounds, self.copies), dtype=np.bool_)
        for source in set(sources):
            of_source = np.array([other == source for other in sources])
            held_out[of_source] = _evenly(int(of_source.sum()) * self.copies).reshape(-1, self.copies)
        return held_out


def _evenly(episodes: int) -> npt.NDArray[np.bool_]:
    """Flags (episodes,), about HELD_OUT_SHARE of them set, evenly spaced: at least one, never all."""
    chosen = min(max(1, round(HELD_OUT_SHARE * episodes)), episodes - 1)
    passed = np.arange(episodes + 1) * chosen // episodes
    return np.diff(passed) > 0
