"""Playing episodes: the one loop in which a policy acts in environments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.environments.vector import Flags, Integers, VectorEnvironment
from collectiverun_trainer.rollouts.policy import Policy


class Decision(NamedTuple):
    """One decision in each of n episodes, and its outcome."""

    obs: Array  # (n, 39) it was taken at
    action: Array  # (n, 4)
    reward: Array  # (n,) mean of Meta-World's reward, 0..10, over its env steps
    next_obs: Array  # (n, 39)
    success_any: Flags  # (n,) success at any of its env steps
    success_end: Flags  # (n,) success at its last env step


def play(
    environment: VectorEnvironment,
    policy: Policy,
    goals: Sequence[int] | Integers,
    goal_seed: int | None = None,
    active: Flags | None = None,
) -> Iterator[Decision]:
    """One whole episode in every active row, decision by decision; the caller may learn in between.

    Args:
        goals: index of each row's goal (n,); `goal_seed` and `active` as in `VectorEnvironment.reset`.
    """
    obs = environment.reset(goals, goal_seed, active)
    policy.begin(len(environment))
    for _ in range(environment.settings.horizon):
        action = policy.act(obs)
        step = environment.step(action, active)
        policy.observe(obs, action, step.reward)
        yield Decision(obs, action, step.reward, step.obs, step.success_any, step.success_end)
        obs = step.obs
