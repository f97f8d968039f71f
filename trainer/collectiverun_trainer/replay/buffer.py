"""The replay buffer of E learners, packed so that a batch is one gather."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE
from collectiverun_trainer.replay.examples import Examples
from collectiverun_trainer.replay.returns import Returns, last_rows_played
from collectiverun_trainer.sac.batch import Batch

_BLOCK_ROWS = 4096  # compared at once, which bounds memory
_SCALARS = ("reward", "bonus", "success")


class ReplayBuffer:
    """Decisions of E learners, each with its own part, demonstrations and generator.

    A row is [obs | next_obs | action | reward | bonus | success]. The first `demonstrations` rows of each
    part hold demonstrations; experience fills the other `capacity` rows.

    Args:
        capacity: rows of experience per learner.
        generators: one per learner, for drawing batches.
        returns: what a transition of a batch spans.
        demonstrations: rows of demonstrations per learner, whole episodes; with any, half of every batch is
            drawn from examples (see `Examples`).
        device: where rows live.
        obs_size: O.
    """

    def __init__(
        self,
        capacity: int,
        generators: Sequence[torch.Generator],
        returns: Returns,
        demonstrations: int = 0,
        device: torch.device | str = "cpu",
        obs_size: int = OBS_SIZE,
    ) -> None:
        self.capacity = capacity
        self.generators = list(generators)
        self.returns = returns
        self.demonstrations = demonstrations
        self.added = 0
        self._sizes = {"obs": obs_size, "next_obs": obs_size, "action": ACTION_SIZE} | dict.fromkeys(
            _SCALARS, 1
        )
        self._rows = self._allocate(len(self.generators), device)
        self._examples = [Examples() for _ in self.generators]

    def _allocate(self, learners: int, device: torch.device | str) -> Tensor:
        # Not zeroed, so that memory is only used as rows are written.
        rows = torch.empty(
            learners, self.demonstrations + self.capacity, sum(self._sizes.values()), device=device
        )
        self._offset = torch.arange(learners, device=device).unsqueeze(1) * rows.shape[1]
        return rows

    def _find_examples(self) -> None:
        """Every learner's examples anew, from what the rows say."""
        self._examples = [Examples() for _ in self.generators]
        if not self.demonstrations:
            return
        horizon = self.returns.horizon
        shown = self._rows[:, : self.demonstrations, -1].cpu()
        for examples, success in zip(self._examples, shown, strict=True):
            examples.add_demonstrations(success.view(-1, horizon))
        for stop in range(horizon, self.added + 1, horizon):
            self._add_own_examples(self.demonstrations + stop - horizon)

    def _add_own_examples(self, start: int) -> None:
        played = self._rows[:, start : start + self.returns.horizon, -1].cpu()
        for examples, success in zip(self._examples, played, strict=True):
            examples.add_own(start, success)

    def __len__(self) -> int:
        """Rows of experience each learner has."""
        return self.added

    def add(
        self,
        obs: Tensor,
        action: Tensor,
        reward: Tensor,
        next_obs: Tensor,
        bonus: Tensor | None = None,
        success: Tensor | None = None,
    ) -> None:
        """Append one decision per learner: obs, next_obs (E, O), action (E, A), the others (E,).

        Raises:
            ValueError: the replay buffer is full.
        """
        if self.added == self.capacity:
            raise ValueError(f"a replay buffer of {self.capacity} rows is full")
        row = self._rows[:, self.demonstrations + self.added]
        zero = torch.zeros_like(reward)
        scalars = [reward, zero if bonus is None else bonus, zero if success is None else success]
        torch.cat([obs, next_obs, action, torch.stack(scalars, -1)], -1, out=row)
        self.added += 1
        if self.demonstrations and self.added % self.returns.horizon == 0:
            self._add_own_examples(self.demonstrations + self.added - self.returns.horizon)

    def set_demonstrations(self, parts: Mapping[str, Tensor]) -> None:
        """Fill the demonstrations' rows: columns of (E, demonstrations, size), whole episodes in a row."""
        self._rows[:, : self.demonstrations] = 0.0
        for name, column in self._columns(self._rows[:, : self.demonstrations]).items():
            if name in parts:
                column.copy_(parts[name])
        self._find_examples()

    def sample(self, size: int, examples: int | None = None) -> Batch:
        """`size` transitions per learner, drawn with replacement.

        Args:
            examples: how many, the first ones, are examples; None: half, if there are demonstrations.
        """
        if examples is None:
            examples = size // 2 if self.demonstrations else 0
        first, last = self._draw(examples, size - examples)
        spans = self.returns.spans(first, last)
        columns = self._columns(self._take(first, self._rows))
        rewards, bonuses, successes = self._take(
            self.returns.rows(first, spans), self._rows[..., -3:]
        ).unbind(-1)
        obs_size = self._sizes["obs"]
        return Batch(
            obs=columns["obs"],
            action=columns["action"],
            reward=self.returns.add_up(rewards, spans),
            next_obs=self._take(first + spans - 1, self._rows[..., obs_size : 2 * obs_size]),
            discount=self.returns.discounts(spans),
            success=self.returns.add_up(successes, spans),
            bonus=self.returns.add_up(bonuses, spans),
            examples=examples,
        )

    def _draw(self, examples: int, others: int) -> tuple[Tensor, Tensor]:
        """First rows of transitions, and the last rows of their episodes: (E, examples + others) each."""
        drawn = [
            self._draw_one(*learner, examples, others)
            for learner in zip(self._examples, self.generators, strict=True)
        ]
        first, last = (torch.stack(part).to(self._rows.device) for part in zip(*drawn, strict=True))
        return first, last

    def _draw_one(
        self, shown: Examples, generator: torch.Generator, examples: int, others: int
    ) -> tuple[Tensor, Tensor]:
        parts = [shown.draw(examples, generator)] if examples else []
        if others:
            played = torch.randint(self.added, (others,), generator=generator)
            last = last_rows_played(played, self.returns.horizon, self.added)
            parts.append((played + self.demonstrations, last + self.demonstrations))
        first, last = (torch.cat(rows) for rows in zip(*parts, strict=True))
        return first, last

    def _take(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Rows (E, …) of each learner's part of columns (E, all rows, size): (E, …, size)."""
        offset = self._offset.view(-1, *[1] * (rows.dim() - 1))
        taken = columns.flatten(0, 1).index_select(0, (rows + offset).flatten())
        return taken.view(*rows.shape, -1)

    def experience(self, learner: int) -> dict[str, Tensor]:
        """All experience of one learner in order, by column name: views of shape (len, size)."""
        return self._columns(self._rows[learner, self.demonstrations : self.demonstrations + len(self)])

    def keep(self, learners: Sequence[int]) -> None:
        """Keep these learners only."""
        self._rows = self._rows[list(learners)]
        self._offset = self._offset[: len(learners)]
        self._examples = [self._examples[learner] for learner in learners]
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
        self._find_examples()
        for generator, value in zip(self.generators, state["generators"], strict=True):
            generator.set_state(value)


def _breaks(obs: Tensor, next_obs: Tensor) -> Tensor:
    """Rows whose next_obs is not the next row's obs, for some learner; the last is always one. (k,) int64."""
    blocks = zip(
        torch.split(next_obs[:, :-1], _BLOCK_ROWS, 1), torch.split(obs[:, 1:], _BLOCK_ROWS, 1), strict=True
    )
    following = torch.cat([(left == right).all(-1).all(0) for left, right in blocks])
    return torch.nonzero(torch.cat([~following, following.new_ones(min(1, obs.shape[1]))])).flatten()
