"""Small recorded episodes whose numbers tell where they are from."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from collectiverun_trainer.config import Task
from collectiverun_trainer.replay.episodes import Episodes

TASKS = (Task(env="reach-v3"), Task(env="push-v3"), Task(env="door-open-v3"))


def recorded(lengths: Sequence[int], task: Sequence[int], seed: int = 0) -> Episodes:
    """Episodes of these lengths and tasks; reward is the episode's index, action[0] the decision's."""
    generator = torch.Generator().manual_seed(seed)
    rows, count = sum(lengths), len(lengths)
    action = torch.rand(rows, 4, generator=generator)
    action[:, 0] = torch.cat([torch.arange(length) for length in lengths])
    size = torch.tensor(lengths)
    return Episodes(
        obs=torch.randn(rows, 39, generator=generator),
        action=action,
        reward=torch.repeat_interleave(torch.arange(count, dtype=torch.float32), size)[:, None],
        success=torch.zeros(rows, dtype=torch.uint8),
        mu=torch.zeros(rows, 4),
        log_std=torch.zeros(rows, 4),
        q=torch.zeros(rows, 1),
        episode_start=torch.cumsum(size, 0) - size,
        last_obs=torch.zeros(count, 39),
        task=torch.tensor(task),
        source=torch.zeros(count, dtype=torch.int64),
        goal=torch.zeros(count, dtype=torch.int64),
        validation=torch.zeros(count, dtype=torch.uint8),
        tasks=TASKS[: max(task) + 1],
    )
