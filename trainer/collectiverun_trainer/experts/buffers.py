"""`buffer_distill`: an expert's episodes with its labels, which later phases learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.experts.stacked import StackedExperts
from collectiverun_trainer.replay.episodes import TRAINING_FRACTION, Episodes, concatenate
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask
from collectiverun_trainer.rollouts.recording import record

LABEL_ROWS = 8192  # labelled at once, which bounds memory


def distill_buffer(
    expert: StackedExperts, parts: Sequence[Episodes], generator: np.random.Generator
) -> Episodes:
    """All parts with the labels of an expert, a stack of one; some episodes of each are held out."""
    return _labelled(expert, concatenate(parts)).split(TRAINING_FRACTION, generator)


def policy_episodes(
    policies: Mapping[Task, Policy], settings: EnvironmentSettings, count: int
) -> list[Episodes]:
    """`count` episodes of each policy, without noise, on the first goals."""
    goals = np.tile(np.arange(count) % settings.goals, (len(policies), 1))
    environment = VectorEnvironment(tuple(policies), settings)
    recording = record(environment, PolicyPerTask(list(policies.values())), goals)
    return [recording.episodes(row, task, "policy") for row, task in enumerate(policies)]


def _labelled(expert: StackedExperts, episodes: Episodes) -> Episodes:
    """Every row with the published expert's mu, log_std and q."""
    rows = zip(torch.split(episodes.obs, LABEL_ROWS), torch.split(episodes.action, LABEL_ROWS), strict=True)
    labels = [
        expert.label(np.zeros(len(obs), dtype=np.int64), obs.numpy(), action.numpy()) for obs, action in rows
    ]
    mu, log_std, q = (torch.cat(parts).cpu() for parts in zip(*labels, strict=True))
    return replace(episodes, mu=mu, log_std=log_std, q=q.unsqueeze(-1))
