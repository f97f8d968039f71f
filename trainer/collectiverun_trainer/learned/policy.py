"""A network of a run as a policy as stable-baselines3 has them: `reset`, and `predict` to (action, state)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collectiverun_trainer.collective.policy import CollectivePolicy
from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE, Array, Flags
from collectiverun_trainer.rollouts.policy import Policy
from collectiverun_trainer.transformer.windows import History


@dataclass(frozen=True)
class EpisodeState:
    """What n episodes have shown so far; of use to `predict` alone, which never changes it."""

    history: History
    obs: Array
    """The last observations (n, 39) …"""
    action: Array
    """… and the actions (n, 4) taken at them, whose rewards are not known yet."""


class LearnedPolicy:
    """An expert, a student or the collective. Its actions are deterministic: the mean of its Gaussian."""

    def __init__(
        self, policy: Policy, tasks: tuple[Task, ...], environment: EnvironmentSettings, uri: str
    ) -> None:
        self.tasks = tasks
        """The tasks it was taught."""
        self.environment = environment
        """How these were stepped: the horizon, and the env steps for which an action is held."""
        self.uri = uri
        """The artifact that it is of."""
        self.policy = policy
        """What the phases let act; no public part."""
        self._state: EpisodeState | None = None

    @property
    def needs_reward(self) -> bool:
        """Whether it makes out the task from what happens (the collective), or looks at `obs` alone."""
        return isinstance(self.policy, CollectivePolicy)

    def reset(self) -> None:
        """Episodes begin with the next `predict`, as many as it is given; earlier ones are forgotten."""
        self._state = None

    def predict(
        self,
        obs: ArrayLike,
        reward: ArrayLike | None = None,
        state: EpisodeState | None = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = True,
    ) -> tuple[Array, EpisodeState | None]:
        """Actions at the observations of one episode, or of n side by side.

        Args:
            obs: Meta-World's observations with the goal in them, (39,) or (n, 39).
            reward: what the last actions gained, a number or (n,): Meta-World's 0 to 10, mean over the env
                steps an action was held for. None at the first observation, and where none is needed.
            state: what an earlier call returned; None: what this policy saw since `reset`.
            episode_start: which episodes begin now, a flag or (n,); None: all after `reset`, later none.
            deterministic: for callers of stable-baselines3; there is no other way to act.

        Returns:
            Actions (4,) or (n, 4) in [-1, 1], and the state for the next call, None where none is needed.

        Raises:
            ValueError: numbers of another shape than these, no reward where one is needed, or sampling.
        """
        if not deterministic:
            raise ValueError("deterministic=False: only the mean action is offered, as in the evaluation")
        given = np.asarray(obs, dtype=np.float32)
        if given.ndim not in (1, 2) or given.shape[-1] != OBS_SIZE or not given.size:
            raise ValueError(f"obs must be of shape ({OBS_SIZE},) or (n, {OBS_SIZE}), not {given.shape}")
        rows = given.reshape(-1, OBS_SIZE)
        begins = _flags(episode_start, len(rows))
        if not isinstance(self.policy, CollectivePolicy):
            return self.policy.act(rows).reshape(*given.shape[:-1], ACTION_SIZE), None
        before = self._state if state is None else state
        self.policy.begin(len(rows))
        if before is not None and not begins.all():
            self.policy.history = _continued(before, rows, _rewards(reward, len(rows)), begins)
        action = self.policy.act(rows)
        after = EpisodeState(self.policy.history, rows.copy(), action)
        if state is None:
            self._state = after
        return action.reshape(*given.shape[:-1], ACTION_SIZE), after


def _continued(state: EpisodeState, rows: Array, reward: Array, begins: Flags) -> History:
    """The history with the last decision, cleared where episodes begin."""
    if len(state.obs) != len(rows):
        raise ValueError(
            f"{len(rows)} observations for {len(state.obs)} episodes; call reset where others begin"
        )
    history = state.history.copy()
    history.append(state.obs, state.action, np.where(begins, np.float32(0), reward))
    history.begin(begins)
    return history


def _flags(given: ArrayLike | None, episodes: int) -> Flags:
    flags: NDArray[np.bool_] = np.asarray(False if given is None else given, dtype=np.bool_).reshape(-1)
    if len(flags) not in (1, episodes):
        raise ValueError(f"{len(flags)} flags in episode_start for {episodes} observations")
    return np.broadcast_to(flags, (episodes,))


def _rewards(reward: ArrayLike | None, episodes: int) -> Array:
    if reward is None:
        raise ValueError("predict needs the reward of the last action; call reset where an episode begins")
    rewards = np.asarray(reward, dtype=np.float32).reshape(-1)
    if len(rewards) != episodes:
        raise ValueError(f"{len(rewards)} rewards for {episodes} observations")
    return rewards
