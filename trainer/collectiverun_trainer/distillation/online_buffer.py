"""The online buffer while it is being filled: packed rows to learn from, episodes to publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.config import Task
from collectiverun_trainer.distillation.rows import Labelled
from collectiverun_trainer.distillation.schedule import Schedule
from collectiverun_trainer.environments.observation import OBS_SIZE
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.replay.sources import SOURCES


class OnlineBuffer:
    """Rows in order of round, then decision, then environment (task by task).

    Args:
        schedule: the rounds to be played.
        tasks: T of them, with `schedule.copies` environments each.
        horizon: decisions of an episode.
        width: length of a packed row.
        device: where packed rows live.
    """

    def __init__(
        self, schedule: Schedule, tasks: Sequence[Task], horizon: int, width: int, device: torch.device
    ) -> None:
        self.schedule, self.tasks, self.horizon = schedule, tuple(tasks), horizon
        self.environments = len(tasks) * schedule.copies
        self.rounds = 0  # whole ones
        rows = schedule.rounds * horizon * self.environments
        # Not zeroed, so that memory is only used as rows are written.
        self.packed = torch.empty(rows, width, device=device)
        self._outcome = torch.empty(rows, 2)  # reward, success
        self._last_obs = torch.empty(schedule.rounds, self.environments, OBS_SIZE)
        self._goals = torch.empty(schedule.rounds, self.environments, dtype=torch.int64)

    @property
    def rows(self) -> int:
        """Rows of whole rounds."""
        return self.rounds * self.horizon * self.environments

    def put(self, decision: int, labelled: Labelled, reward: Tensor, success: Tensor) -> None:
        """Store one decision of all environments in the current round; reward and success are (n,)."""
        first = self.rows + decision * self.environments
        self.packed[first : first + self.environments] = labelled.pack()
        self._outcome[first : first + self.environments] = torch.stack([reward, success], -1)

    def end_round(self, last_obs: Tensor, goals: Tensor) -> None:
        """The current round is complete: its last observations (n, 39) and its goals (n,)."""
        self._last_obs[self.rounds], self._goals[self.rounds] = last_obs, goals
        self.rounds += 1

    def last_round_success(self) -> float:
        """Share of the last whole round's episodes that succeed at their end."""
        return float(self._outcome[self.rows - self.environments : self.rows, 1].mean())

    def rows_of_tasks(self, held_out: bool) -> list[Tensor]:
        """Row numbers of each task's episodes in complete rounds, either those held out or the others."""
        shape = (self.rounds, self.horizon, len(self.tasks), self.schedule.copies)
        rows = torch.arange(self.rows).view(shape)
        chosen = torch.from_numpy(self.schedule.held_out()[: self.rounds] == held_out)
        mask = chosen[:, None].expand(-1, self.horizon, -1)
        return [rows[:, :, task][mask].to(self.packed.device) for task in range(len(self.tasks))]

    def episodes(self) -> Episodes:
        """All whole rounds as episodes, task by task, on the CPU."""
        rows = Labelled.unpack(self._by_episode(self.packed.cpu()))
        outcome = self._by_episode(self._outcome)
        n, rounds = self.environments, self.rounds
        column = torch.arange(n).repeat_interleave(rounds)
        source = torch.tensor([SOURCES.index(self.schedule.source(r)) for r in range(rounds)])
        held_out = torch.from_numpy(self.schedule.held_out()[:rounds]).to(torch.uint8)
        return Episodes(
            obs=rows.obs,
            action=rows.action,
            reward=outcome[:, :1],
            success=outcome[:, 1].to(torch.uint8),
            mu=rows.mu,
            log_std=rows.log_std,
            q=rows.q,
            z=rows.z,
            episode_start=torch.arange(n * rounds) * self.horizon,
            last_obs=self._last_obs[:rounds].transpose(0, 1).flatten(0, 1),
            task=column // self.schedule.copies,
            source=source.repeat(n),
            goal=self._goals[:rounds].T.flatten(),
            validation=held_out.T.repeat(len(self.tasks), 1).flatten(),
            tasks=self.tasks,
        )

    def _by_episode(self, rows: Tensor) -> Tensor:
        shape = (self.rounds, self.horizon, self.environments, rows.shape[-1])
        return rows[: self.rows].view(shape).permute(2, 0, 1, 3).flatten(0, 2)

    def state_dict(self) -> dict[str, Any]:
        """All whole rounds."""
        return {
            "rounds": self.rounds,
            "packed": self.packed[: self.rows],
            "outcome": self._outcome[: self.rows],
            "last_obs": self._last_obs[: self.rounds],
            "goals": self._goals[: self.rounds],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.rounds = state["rounds"]
        self.packed[: self.rows] = state["packed"].to(self.packed.device)
        self._outcome[: self.rows] = state["outcome"]
        self._last_obs[: self.rounds], self._goals[: self.rounds] = state["last_obs"], state["goals"]
