"""Many environments stepped side by side in one process, one decision at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, Flags, Integers
from collectiverun_trainer.environments.rendering import Picture, picture_maker
from collectiverun_trainer.environments.window import Window


class Step(NamedTuple):
    """The outcome of one decision of n environments."""

    obs: Array  # (n, 39) after the last repeat
    reward: Array  # (n,) mean of Meta-World's reward, 0..10, over the repeats
    success_any: Flags  # (n,) success at any env step of this decision
    success_end: Flags  # (n,) success at its last env step


class VectorEnvironment:
    """`copies` environments of each task, task by task: row r belongs to task r // copies.

    Episodes never end by themselves: after `settings.horizon` decisions the caller resets (truncation).
    An episode depends on the goal and the actions alone, never on what the instance did before.
    """

    def __init__(self, tasks: Sequence[Task], settings: EnvironmentSettings, copies: int = 1) -> None:
        self.tasks = tuple(tasks)
        self.settings = settings
        self.copies = copies
        self.task_index: Integers = np.repeat(np.arange(len(self.tasks)), copies)
        models = settings.robot_models
        self._environments = [
            make_environment(self.tasks[t], models.get(self.tasks[t].robot), settings.control)
            for t in self.task_index
        ]
        self._obs = np.zeros((len(self), OBS_SIZE), dtype=np.float32)
        self.success: Flags = np.zeros(len(self), dtype=np.bool_)
        """Whether each row's last env step was a success; False where an episode begins."""

    def __len__(self) -> int:
        return len(self.tasks) * self.copies

    def reset(
        self, goals: Sequence[int] | Integers, goal_seed: int | None = None, active: Flags | None = None
    ) -> Array:
        """Begin an episode in every active row with the goals (n,) of the seed's goal set.

        Args:
            goals: index of each row's goal, 0 to `settings.goals` - 1.
            goal_seed: seed of the goal set; None: `settings.goal_seed`.
            active: rows (n,) to reset; None: all. Other rows keep their state.

        Returns:
            Observations (n, 39).

        Raises:
            ValueError: wrong number of goals, or a goal outside the set.
        """
        seed = self.settings.goal_seed if goal_seed is None else goal_seed
        goals = self._checked_goals(goals)
        for row in self._rows(active):
            vectors = goal_vectors(self.tasks[self.task_index[row]], seed, self.settings.goals)
            self._obs[row] = begin_episode(self._environments[row], vectors[goals[row]])
            self.success[row] = False
        return self._obs.copy()

    def step(self, action: Array, active: Flags | None = None) -> Step:
        """Repeat the actions (n, 4) for `settings.action_repeat` env steps.

        Rows that are not active do not move: same observation, reward 0, no success.

        Raises:
            ValueError: actions of another shape, or not finite.
        """
        action = np.ascontiguousarray(action, dtype=np.float32)
        if action.shape != (len(self), ACTION_SIZE) or not np.isfinite(action).all():
            raise ValueError(
                f"actions must be finite and of shape {(len(self), ACTION_SIZE)}, got {action!r}"
            )
        reward = np.zeros(len(self), dtype=np.float32)
        success_any, success_end = np.zeros((2, len(self)), dtype=np.bool_)
        for row in self._rows(active):
            total = 0.0
            for _ in range(self.settings.action_repeat):
                obs, env_reward, _, _, info = self._environments[row].step(action[row])
                total += env_reward
                success_end[row] = info["success"] > 0
                success_any[row] |= success_end[row]
            self._obs[row] = obs
            self.success[row] = success_end[row]
            reward[row] = total / self.settings.action_repeat
        return Step(self._obs.copy(), reward, success_any, success_end)

    def render(self, row: int, size: int = 240) -> Picture:
        """Picture (size, size, 3) of one row's current state; see `rendering` for its requirements."""
        env = self._environments[row]
        env.take_turn()
        return picture_maker(env.model, size).draw(env.data)

    def window(self, row: int) -> Window:
        """A window that shows one row's states. Raises Usage where none can be opened."""
        env = self._environments[row]
        env.take_turn()
        return Window(env.model, env.data)

    def _rows(self, active: Flags | None) -> Sequence[int] | Integers:
        return range(len(self)) if active is None else np.flatnonzero(active)

    def _checked_goals(self, goals: Sequence[int] | Integers) -> Integers:
        checked = np.asarray(goals, dtype=np.int64)
        if checked.shape != (len(self),) or (checked < 0).any() or (checked >= self.settings.goals).any():
            raise ValueError(
                f"goals must be {len(self)} numbers from 0 to {self.settings.goals - 1}, got {goals!r}"
            )
        return checked
