"""Rolling policies out on a fixed set of goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.rollouts.play import play
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask

_Task = TypeVar("_Task", bound=Task)
COPIES = 25  # of each task; more gain nothing, fewer cost the encoder (benchmarks/environment_stepping.py)


def evaluate(
    policies: Policy | Mapping[_Task, Policy],
    tasks: Sequence[_Task],
    settings: EnvironmentSettings,
    goal_seed: int,
    episodes: int,
    copies: int = COPIES,
) -> dict[_Task, Outcomes]:
    """One whole episode for each of the first `episodes` goals of the seed's goal set, for every task.

    All tasks and `copies` goals of each run side by side; a policy for all tasks sees their rows task by
    task. Both policy and physics are deterministic, so a goal is never tried twice: at most
    `settings.goals` episodes are run.

    Args:
        policies: one policy for all tasks, or one for each.
        goal_seed: seed of the goal set.
    """
    episodes = min(episodes, settings.goals)
    environment = VectorEnvironment(tasks, settings, min(copies, episodes))
    if isinstance(policies, Mapping):
        policies = PolicyPerTask([policies[task] for task in tasks])
    rounds = [
        _play_round(environment, policies, goal_seed, np.arange(first, first + environment.copies), episodes)
        for first in range(0, episodes, environment.copies)
    ]
    any_step, at_end, returns = (
        np.concatenate(parts, axis=1)[:, :episodes] for parts in zip(*rounds, strict=True)
    )
    return {
        task: Outcomes(task, any_step[t].astype(np.bool_), at_end[t].astype(np.bool_), returns[t])
        for t, task in enumerate(tasks)
    }


def evaluate_reported(
    policies: Policy | Mapping[_Task, Policy], tasks: Sequence[_Task], settings: EnvironmentSettings
) -> dict[_Task, Outcomes]:
    """`evaluate` on every reported goal: those of `settings.goal_seed`."""
    return evaluate(policies, tasks, settings, settings.goal_seed, settings.goals)


def evaluate_for_selection(
    policies: Policy | Mapping[_Task, Policy],
    tasks: Sequence[_Task],
    settings: EnvironmentSettings,
    episodes: int,
    *,
    fresh: bool = False,
) -> dict[_Task, Outcomes]:
    """`evaluate` on selection goals, which are not among the reported ones: those of the next seed.

    Args:
        fresh: on those of the seed after it, which have chosen nothing yet.
    """
    return evaluate(policies, tasks, settings, settings.goal_seed + (2 if fresh else 1), episodes)


def _play_round(
    environment: VectorEnvironment, policy: Policy, goal_seed: int, goals: npt.NDArray[np.int64], limit: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """One episode in every row; any-step, at-end and returns, each (tasks, copies)."""
    tasks = len(environment.tasks)
    active = np.tile(goals < limit, tasks)
    any_step, at_end = np.zeros((2, len(environment)), dtype=np.bool_)
    returns = np.zeros(len(environment))
    for decision in play(
        environment, policy, np.tile(np.minimum(goals, limit - 1), tasks), goal_seed, active
    ):
        any_step |= decision.success_any
        at_end = decision.success_end
        returns += decision.reward * environment.settings.action_repeat
    shape = (tasks, environment.copies)
    return any_step.reshape(shape), at_end.reshape(shape), returns.reshape(shape)
