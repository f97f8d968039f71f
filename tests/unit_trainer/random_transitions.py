"""Replays filled with made-up transitions, each learner's from its own seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.returns import Returns
from collectiverun_trainer.sac.agent import StackedSAC


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One generator per seed."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def filled_replay(seeds: Sequence[int], rows: int = 300) -> ReplayBuffer:
    """`rows` transitions per learner that depend on its seed alone."""
    returns = Returns(horizon=rows, steps=1, discount=0.99)
    replay = ReplayBuffer(rows, generators([1000 + seed for seed in seeds]), returns)
    sources = generators(seeds)
    for _ in range(rows):
        drawn = torch.stack([torch.rand(83, generator=source) for source in sources])
        obs, next_obs, action, reward = drawn.split([39, 39, 4, 1], dim=-1)
        replay.add(obs, 2.0 * action - 1.0, 10.0 * reward.squeeze(-1), next_obs)
    return replay


def agent(seeds: Sequence[int], params: SACParams | None = None) -> StackedSAC:
    """A fresh stack, one expert per seed."""
    return StackedSAC(params or SACParams(hidden_sizes=(32, 32), batch_size=16), generators(seeds))


def train(sac: StackedSAC, replay: ReplayBuffer, updates: int) -> None:
    """Gradient steps on batches of the replay."""
    for _ in range(updates):
        sac.update(replay.sample(sac.params.batch_size))
