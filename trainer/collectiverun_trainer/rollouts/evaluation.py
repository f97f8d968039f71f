"""Rolling policies out on a fixed set of goals, and what the outcomes amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.vector import Flags, VectorEnvironment
from collectiverun_trainer.order import Success
from collectiverun_trainer.rollouts.policy import Policy, PolicyPerTask

COPIES = 25  # of each task; more gain nothing, fewer cost the encoder (benchmarks/environment_stepping.py)


@dataclass(frozen=True)
class Outcomes:
    """What happened in n episodes of one task, one for each goal 0 … n-1 of a goal set."""

    task: Task
    any_step: Flags  # (n,) success at any env step of the episode
    at_end: Flags  # (n,) success at the episode's last env step
    returns: npt.NDArray[np.float64]  # (n,) sum over env steps of Meta-World's reward, 0..10 each

    @property
    def success(self) -> Success:
        """Success rates over the episodes."""
        return Success(any_step=float(self.any_step.mean()), at_end=float(self.at_end.mean()))

    def to_document(self) -> dict[str, Any]:
        """JSON for evaluation.json, camelCase."""
        return {
            "task": self.task.model_dump(by_alias=True, mode="json"),
            "anyStep": self.any_step.tolist(),
            "atEnd": self.at_end.tolist(),
            "returns": self.returns.tolist(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`."""
        return cls(
            Task.model_validate(document["task"]),
            np.array(document["anyStep"], dtype=np.bool_),
            np.array(document["atEnd"], dtype=np.bool_),
            np.array(document["returns"], dtype=np.float64),
        )


def evaluate(
    policies: Policy | Mapping[Task, Policy],
    tasks: Sequence[Task],
    settings: EnvironmentSettings,
    goal_seed: int,
    episodes: int,
    copies: int = COPIES,
) -> dict[Task, Outcomes]:
    """One whole episode for each of the first `episodes` goals of the seed's goal set, for every task.

    All tasks and `copies` goals of each run side by side; a policy for all tasks sees their rows task by
    task. Both policy and physics are deterministic, so a goal is never tried twice: at most
    `settings.goals` episodes are run.

    Args:
        policies: one policy for all tasks, or one for each.
        goal_seed: `settings.goal_seed` for reported figures, `settings.goal_seed + 1` for selection.
    """
    episodes = min(episodes, settings.goals)
    environment = VectorEnvironment(tasks, settings, min(copies, episodes))
    if isinstance(policies, Mapping):
        policies = PolicyPerTask([policies[task] for task in tasks])
    rounds = [
        _play(environment, policies, goal_seed, np.arange(first, first + environment.copies), episodes)
        for first in range(0, episodes, environment.copies)
    ]
    any_step, at_end, returns = (
        np.concatenate(parts, axis=1)[:, :episodes] for parts in zip(*rounds, strict=True)
    )
    return {
        task: Outcomes(task, any_step[t].astype(np.bool_), at_end[t].astype(np.bool_), returns[t])
        for t, task in enumerate(tasks)
    }


def _play(
    environment: VectorEnvironment, policy: Policy, goal_seed: int, goals: npt.NDArray[np.int64], limit: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """One episode in every row; any-step, at-end and returns, each (tasks, copies)."""
    tasks = len(environment.tasks)
    active = np.tile(goals < limit, tasks)
    obs = environment.reset(np.tile(np.minimum(goals, limit - 1), tasks), goal_seed, active)
    policy.begin(len(environment))
    any_step = np.zeros(len(environment), dtype=np.bool_)
    returns = np.zeros(len(environment))
    for _ in range(environment.settings.horizon):
        action = policy.act(obs)
        step = environment.step(action, active)
        policy.observe(obs, action, step.reward)
        any_step |= step.success_any
        returns += step.reward * environment.settings.action_repeat
        obs = step.obs
    shape = (tasks, environment.copies)
    return any_step.reshape(shape), step.success_end.reshape(shape), returns.reshape(shape)


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a success rate (doi:10.1080/01621459.1927.10502953); n at least 1."""
    interval = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def record_video(
    policy: Policy, task: Task, settings: EnvironmentSettings, goal: int, size: int
) -> npt.NDArray[np.uint8]:
    """One episode as pictures (horizon + 1, size, size, 3) uint8: the start and the end of each decision."""
    environment = VectorEnvironment((task,), settings)
    obs = environment.reset([goal])
    policy.begin(1)
    frames = [environment.render(0, size)]
    for _ in range(settings.horizon):
        action = policy.act(obs)
        step = environment.step(action)
        policy.observe(obs, action, step.reward)
        frames.append(environment.render(0, size))
        obs = step.obs
    return np.stack(frames)
