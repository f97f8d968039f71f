"""Whole episodes with explicit starts: what phases pass on as buffer_distill and online_buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.replay.sources import SOURCES

TRAINING_FRACTION = 0.8
"""Share of the episodes of every task and source that are learned from; the rest is held out."""

ROW_FIELDS: tuple[str, ...] = ("obs", "action", "reward", "success", "mu", "log_std", "q", "z")
EPISODE_FIELDS: tuple[str, ...] = ("episode_start", "last_obs", "task", "source", "goal", "validation")


@dataclass(frozen=True)
class Episodes:
    """n whole episodes; their decisions are concatenated in `rows` rows.

    Row k of an episode holds the observation before decision k, the action, its reward and success. The
    observation after an episode's last decision is in `last_obs`, so every next observation is the true one.
    mu, log_std (before squashing) and q are the expert's labels of the row; z is the task embedding of the
    history at that row, where a phase recorded it.
    """

    obs: Tensor  # (rows, 39) float32, unscaled
    action: Tensor  # (rows, 4) float32
    reward: Tensor  # (rows, 1) float32, unscaled: 0..10
    success: Tensor  # (rows,) uint8, at the decision's last env step
    mu: Tensor  # (rows, 4) float32
    log_std: Tensor  # (rows, 4) float32
    q: Tensor  # (rows, 1) float32, in units of the expert's scaled reward
    episode_start: Tensor  # (n,) int64, first row of each episode, ascending from 0
    last_obs: Tensor  # (n, 39) float32
    task: Tensor  # (n,) int64, index into `tasks`
    source: Tensor  # (n,) int64, index into SOURCES
    goal: Tensor  # (n,) int64, index of the goal
    validation: Tensor  # (n,) uint8, 1: held out from training
    tasks: tuple[Task, ...]
    z: Tensor | None = None  # (rows, Z) float32

    def __len__(self) -> int:
        return len(self.episode_start)

    @property
    def rows(self) -> int:
        """Number of decisions in all episodes."""
        return len(self.obs)

    @property
    def lengths(self) -> Tensor:
        """Decisions of each episode, (n,) int64."""
        end = torch.tensor([self.rows], dtype=torch.int64, device=self.obs.device)
        return torch.diff(torch.cat([self.episode_start, end]))

    @property
    def episode_of_row(self) -> Tensor:
        """Episode each row belongs to, (rows,) int64."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.obs.device), self.lengths)

    def next_obs(self) -> Tensor:
        """The observation after each row's decision, (rows, 39): the next row, or the episode's last_obs."""
        following = torch.cat([self.obs[1:], self.obs[:1]]).clone()
        following[self.episode_start + self.lengths - 1] = self.last_obs
        return following

    def select(self, mask: Tensor) -> Episodes:
        """The episodes where `mask` (n,) bool is true, in their order."""
        rows = mask[self.episode_of_row]
        lengths = self.lengths[mask]
        chosen: dict[str, Any] = {name: value[rows] for name, value in self._present(ROW_FIELDS)}
        chosen |= {name: value[mask] for name, value in self._present(EPISODE_FIELDS)}
        return replace(self, **(chosen | {"episode_start": torch.cumsum(lengths, 0) - lengths}))

    def split(self, fraction: float, generator: np.random.Generator) -> Episodes:
        """Mark about 1 − fraction of the episodes of every (task, source) as validation.

        Each (task, source) of at least two episodes has some in both parts; a single episode is for training.
        """
        validation = torch.zeros(len(self), dtype=torch.uint8)
        strata = (self.task * len(SOURCES) + self.source).tolist()
        for stratum in sorted(set(strata)):
            members = np.flatnonzero(np.asarray(strata) == stratum)
            held_out = round((1.0 - fraction) * len(members))
            held_out = min(max(held_out, 1), len(members) - 1)
            validation[torch.from_numpy(generator.permutation(members)[:held_out])] = 1
        return replace(self, validation=validation.to(self.validation.device))

    def training_part(self) -> Episodes:
        """The episodes not held out."""
        return self.select(self.validation == 0)

    def validation_part(self) -> Episodes:
        """The held-out episodes."""
        return self.select(self.validation == 1)

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors, and the JSON document that resolves their indices."""
        tensors = dict(self._present(ROW_FIELDS + EPISODE_FIELDS))
        document = {
            "episodes": len(self),
            "rows": self.rows,
            "sources": list(SOURCES),
            "tasks": [task.model_dump(mode="json") for task in self.tasks],
        }
        return tensors, document

    @classmethod
    def unlabelled(
        cls,
        task: Task,
        source: str,
        columns: Mapping[str, Tensor],
        last_obs: Tensor,
        goal: Tensor,
    ) -> Episodes:
        """Episodes of one task and one source, all of the same length, labels still zero.

        Args:
            source: one of SOURCES.
            columns: obs, action, reward and success as (n, horizon, size).
            last_obs: (n, 39).
            goal: (n,) int64.
        """
        n, horizon = columns["obs"].shape[:2]
        rows = {name: columns[name].flatten(0, 1).contiguous() for name in ("obs", "action", "reward")}
        return cls(
            **rows,
            success=columns["success"].flatten().to(torch.uint8),
            mu=torch.zeros_like(rows["action"]),
            log_std=torch.zeros_like(rows["action"]),
            q=torch.zeros_like(rows["reward"]),
            episode_start=torch.arange(n) * horizon,
            last_obs=last_obs,
            task=torch.zeros(n, dtype=torch.int64),
            source=torch.full((n,), SOURCES.index(source)),
            goal=goal,
            validation=torch.zeros(n, dtype=torch.uint8),
            tasks=(task,),
        )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> Episodes:
        """The inverse of `to_tensors`.

        Raises:
            ValueError: a tensor is missing or the parts are inconsistent.
        """
        required = {field.name for field in fields(cls)} - {"tasks", "z"}
        if missing := sorted(required - set(tensors)):
            raise ValueError(f"episodes lack the tensors {', '.join(missing)}")
        if (known := tuple(document["sources"])) != SOURCES[: len(known)]:
            raise ValueError(
                f"episodes name the sources {document['sources']!r}; this version knows {list(SOURCES)!r}"
            )
        tasks = tuple(Task.model_validate(task) for task in document["tasks"])
        episodes = cls(**{name: tensors[name] for name in required}, z=tensors.get("z"), tasks=tasks)
        episodes._verify()
        return episodes

    def _verify(self) -> None:
        for name, value in self._present(ROW_FIELDS):
            if len(value) != self.rows:
                raise ValueError(f"episodes: {name!r} has {len(value)} rows, 'obs' has {self.rows}")
        for name, value in self._present(EPISODE_FIELDS):
            if len(value) != len(self):
                raise ValueError(f"episodes: {name!r} has {len(value)} entries for {len(self)} episodes")
        if len(self) and (int(self.episode_start[0]) != 0 or int(self.lengths.min()) < 1):
            raise ValueError(
                "episodes: 'episode_start' must ascend from 0 and leave at least one row to each episode"
            )
        if len(self) and not 0 <= int(self.task.min()) <= int(self.task.max()) < len(self.tasks):
            raise ValueError(f"episodes: 'task' leaves the table of {len(self.tasks)} tasks")

    def _present(self, names: Sequence[str]) -> list[tuple[str, Tensor]]:
        return [(name, value) for name in names if (value := getattr(self, name)) is not None]


def concatenate(parts: Sequence[Episodes]) -> Episodes:
    """Join episodes of several tasks or sources; the task tables are merged.

    Raises:
        ValueError: no parts, or only some of them carry z.
    """
    if not parts:
        raise ValueError("nothing to concatenate: no episodes were given")
    if len({part.z is None for part in parts}) > 1:
        raise ValueError("some episodes carry z and some do not; embed all of them or none")
    tasks = tuple(dict.fromkeys(task for part in parts for task in part.tasks))
    offsets = np.cumsum([0, *(part.rows for part in parts)]).tolist()
    joined: dict[str, Any] = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in ROW_FIELDS + EPISODE_FIELDS
        if getattr(parts[0], name) is not None
    }
    joined["episode_start"] = torch.cat(
        [part.episode_start + offset for part, offset in zip(parts, offsets, strict=False)]
    )
    joined["task"] = torch.cat([_renumbered(part, tasks) for part in parts])
    return Episodes(**joined, tasks=tasks)


def _renumbered(part: Episodes, tasks: Sequence[Task]) -> Tensor:
    table = torch.tensor(
        [tasks.index(task) for task in part.tasks], dtype=torch.int64, device=part.task.device
    )
    return table[part.task]
