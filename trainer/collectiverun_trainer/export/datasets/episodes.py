"""Recorded episodes one by one, as datasets of reinforcement learning have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.observation import Array, Flags
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.replay.sources import SOURCES


@dataclass(frozen=True)
class Episode:
    """n decisions. Nothing terminates an episode, not even success: its horizon truncates it."""

    obs: Array  # (n + 1, 39) before each decision, and after the last one
    action: Array  # (n, 4)
    reward: Array  # (n,)
    success: Flags  # (n,) at the last env step of each decision
    task: Task
    source: str
    goal: int
    held_out: bool

    def __len__(self) -> int:
        return len(self.action)

    @property
    def terminations(self) -> Flags:
        """(n,), never true."""
        return np.zeros(len(self), dtype=np.bool_)

    @property
    def truncations(self) -> Flags:
        """(n,), true at the last decision."""
        last: Flags = np.arange(len(self)) == len(self) - 1
        return last


def with_sources(buffer: Episodes, sources: Iterable[str]) -> Episodes:
    """The episodes in which one of `sources` acted; all of them if none is named."""
    wanted = [SOURCES.index(source) for source in sources]
    return buffer.select(torch.isin(buffer.source, torch.tensor(wanted))) if wanted else buffer


def one_by_one(parts: Iterable[Episodes]) -> Iterator[Episode]:
    """The episodes of all parts, in their order."""
    for part in parts:
        ends = part.episode_start + part.lengths
        for number, (start, end) in enumerate(zip(part.episode_start.tolist(), ends.tolist(), strict=True)):
            yield Episode(
                obs=torch.cat([part.obs[start:end], part.last_obs[number][None]]).numpy(),
                action=part.action[start:end].numpy(),
                reward=part.reward[start:end, 0].numpy(),
                success=part.success[start:end].numpy().astype(np.bool_),
                task=part.tasks[int(part.task[number])],
                source=SOURCES[int(part.source[number])],
                goal=int(part.goal[number]),
                held_out=bool(part.validation[number]),
            )
