"""The windows that a gradient step of the trajectory transformer compares; only this module uses tasks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.transformer.windows import Windows, windows


@dataclass(frozen=True)
class Triples:
    """B anchors, each with a positive and a neighbour in time."""

    anchor: Windows
    positive: Windows
    """Of another episode of the anchor's task, or (selfSupervised) another crop of its episode."""
    neighbour: Windows
    """Of the anchor's episode, 1 to T decisions later: it overlaps the anchor or follows it directly."""
    group: Tensor
    """Task, or (selfSupervised) episode, of each anchor, (B,) int64: equal groups are not negatives."""


class TripleSampler:
    """Draws triples; every task gets the same share of a batch.

    A window's decision t is uniform over its episode, small t included: short histories are trained as they
    occur in rollouts. `selfSupervised` uses no task and draws episodes uniformly.
    """

    def __init__(
        self, episodes: Episodes, params: TrajectoryTransformerParams, generator: torch.Generator
    ) -> None:
        self._episodes = episodes
        self._length = params.window
        self._self_supervised = params.positives == "selfSupervised"
        self._generator = generator
        self._lengths = episodes.lengths.cpu()
        self._starts = episodes.episode_start.cpu()
        task = episodes.task.cpu()
        self._by_task = torch.argsort(task, stable=True)
        self._counts = torch.bincount(task, minlength=len(episodes.tasks))
        self._first = torch.cumsum(self._counts, 0) - self._counts
        if not self._self_supervised:
            self._require_pairs()

    def draw(self, count: int) -> Triples:
        """`count` triples."""
        if self._self_supervised:
            anchor = positive = group = self._below(torch.full((count,), len(self._lengths)))
        else:
            group, anchor, positive = self._pairs(count)
        decision = self._below(self._lengths[anchor])
        later = decision + 1 + self._below(torch.full((count,), self._length))
        return Triples(
            anchor=self._windows(anchor, decision),
            positive=self._windows(positive, self._below(self._lengths[positive])),
            neighbour=self._windows(anchor, torch.minimum(later, self._lengths[anchor] - 1)),
            group=group.to(self._episodes.obs.device),
        )

    def _pairs(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Task, anchor episode and another episode of that task, (count,) each."""
        order = torch.randperm(len(self._counts), generator=self._generator)
        task = order[torch.arange(count) % len(order)]
        size = self._counts[task]
        one = self._below(size)
        other = (one + 1 + self._below(size - 1)) % size
        return task, self._by_task[self._first[task] + one], self._by_task[self._first[task] + other]

    def _windows(self, episode: Tensor, decision: Tensor) -> Windows:
        row = (self._starts[episode] + decision).to(self._episodes.obs.device)
        return windows(self._episodes, row, self._length)

    def _below(self, limit: Tensor) -> Tensor:
        """Uniform integers of 0 … limit - 1; double precision, so that rounding never reaches the limit."""
        return (torch.rand(limit.shape, generator=self._generator, dtype=torch.float64) * limit).long()

    def _require_pairs(self) -> None:
        for task, count in zip(self._episodes.tasks, self._counts.tolist(), strict=True):
            if count < 2:
                raise InputInvalid(
                    f"buffer_distill of {task.name} has {count} episodes in one of its parts (training, "
                    "validation), and a positive needs another episode of the same task: raise "
                    "experts.params.distillEpisodes or policyEpisodes, or set positives to selfSupervised"
                )
