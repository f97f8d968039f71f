"""The replay buffer of E learners, packed so that a batch is one gather."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE
from collectiverun_trainer.sac.batch import Batch

_BLOCK_ROWS = 4096  # compared at once, which bounds memory
_SCALARS = ("reward", "bonus", "success")


class ReplayBuffer:
    """Transitions of E learners, each with its own part, demonstrations and generator.

    A row is [obs | next_obs | action | reward | bonus | success]. The first `demonstrations` rows of each
    part hold demonstrations and stay; experience fills the other `capacity` rows, then overwrites the oldest.

    Args:
        capacity: rows of experience per learner.
        generators: one per learner, for drawing batches.
        demonstrations: rows of demonstrations per learner; with any, half of every batch is drawn from them.
        device: where rows live.
        obs_size: O.
    """

    def __init__(
        self,
        capacity: int,
        generators: Sequence[torch.Generator],
        demonstrations: int = 0,
        device: torch.device | str = "cpu",
        obs_size: int = OBS_SIZE,
    ) -> None:
        self.capacity = capacity
        self.generators = list(generators)
        self.demonstrations = demonstrations
        self.added = 0
        self._sizes = {"obs": obs_size, "next_obs": obs_size, "action": ACTION_SIZE} | dict.fromkeys(
            _SCALARS, 1
        )
        self._rows = self._allocate(len(self.generators), device)

    def _allocate(self, learners: int, device: torch.device | str) -> Tensor:
        # Not zeroed, so that memory is only used as rows are written.
        rows = torch.empty(
            learners, self.demonstrations + self.capacity, sum(self._sizes.values()), device=device
        )
        self._offset = torch.arange(learners, device=device).unsqueeze(1) * rows.shape[1]
        return rows

    def __len__(self) -> int:
        """Rows of experience each learner has."""
        return min(self.added, self.capacity)

    def add(
        self,
        obs: Tensor,
        action: Tensor,
        reward: Tensor,
        next_obs: Tensor,
        bonus: Tensor | None = None,
        success: Tensor | None = None,
    ) -> None:
        """Append one transition per learner: obs, next_obs (E, O), action (E, A), the others (E,)."""
        row = self._rows[:, self.demonstrations + self.added % self.capacity]
        zero = torch.zeros_like(reward)
        scalars = [reward, zero if bonus is None else bonus, zero if success is None else success]
        torch.cat([obs, next_obs, action, torch.stack(scalars, -1)], -1, out=row)
        self.added += 1

    def set_demonstrations(self, parts: Mapping[str, Tensor]) -> None:
        """Fill the demonstrations' rows: obs, next_obs, action, reward of (E, demonstrations, size)."""
        self._rows[:, : self.demonstrations] = 0.0
        for name, column in self._columns(self._rows[:, : self.demonstrations]).items():
            if name in parts:
                column.copy_(parts[name])

    def sample(self, size: int) -> Batch:
        """`size` transitions per learner, drawn with replacement; half demonstrations if there are any."""
        start, stop = self.demonstrations, self.demonstrations + len(self)
        ranges = [(0, start, size // 2), (start, stop, size - size // 2)] if start else [(start, stop, size)]
        index = torch.empty(len(self.generators), size, dtype=torch.int64)
        for part, generator in zip(index, self.generators, strict=True):
            torch.cat(
                [torch.randint(low, high, (n,), generator=generator) for low, high, n in ranges], out=part
            )
        flat = (index.to(self._rows.device) + self._offset).flatten()
        rows = self._rows.flatten(0, 1).index_select(0, flat).view(len(self.generators), size, -1)
        columns = self._columns(rows)
        reward, bonus = columns["reward"].squeeze(-1), columns["bonus"].squeeze(-1)
        return Batch(columns["obs"], columns["action"], reward, columns["next_obs"], bonus)

    def experience(self, learner: int) -> dict[str, Tensor]:
        """All experience of one learner in order, by column name: views of shape (len, size).

        Raises:
            ValueError: the oldest rows have been overwritten.
        """
        if self.added > self.capacity:
            raise ValueError(
                f"{self.added} rows were added to a replay buffer of {self.capacity}; the first are gone"
            )
        return self._columns(self._rows[learner, self.demonstrations : self.demonstrations + len(self)])

    def keep(self, learners: Sequence[int]) -> None:
        """Keep these learners only."""
        self._rows = self._rows[list(learners)]
        self._offset = self._offset[: len(learners)]
        self.generators = [self.generators[learner] for learner in learners]

    def _columns(self, rows: Tensor) -> dict[str, Tensor]:
        return dict(zip(self._sizes, torch.split(rows, list(self._sizes.values()), -1), strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Exact contents, as views: to be saved before the next row is added.

        A next_obs is stored only where it is not the obs of the row behind it.
        """
        rows = self._rows[:, : self.demonstrations + len(self)]
        columns = self._columns(rows)
        obs, next_obs = columns["obs"], columns["next_obs"]
        breaks = _breaks(obs, next_obs)
        return {
            "added": self.added,
            "obs": obs,
            "breaks": breaks,
            "next_obs_at_breaks": next_obs[:, breaks],
            "rest": rows[..., 2 * self._sizes["obs"] :],
            "generators": [generator.get_state() for generator in self.generators],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict` of a replay of the same sizes."""
        self.added = int(state["added"])
        rows = self._rows[:, : self.demonstrations + len(self)]
        columns = self._columns(rows)
        columns["obs"].copy_(state["obs"])
        columns["next_obs"][:, :-1] = columns["obs"][:, 1:]
        columns["next_obs"][:, state["breaks"].to(rows.device)] = state["next_obs_at_breaks"].to(rows.device)
        rows[..., -state["rest"].shape[-1] :] = state["rest"].to(rows.device)
        for generator, value in zip(self.generators, state["generators"], strict=True):
            generator.set_state(value)


def _breaks(obs: Tensor, next_obs: Tensor) -> Tensor:
    """Rows whose next_obs is not the next row's obs, for some learner; the last is always one. (k,) int64."""
    blocks = zip(
        torch.split(next_obs[:, :-1], _BLOCK_ROWS, 1), torch.split(obs[:, 1:], _BLOCK_ROWS, 1), strict=True
    )
    following = torch.cat([(left == right).all(-1).all(0) for left, right in blocks])
    return torch.nonzero(torch.cat([~following, following.new_ones(min(1, obs.shape[1]))])).flatten()
