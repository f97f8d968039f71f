"""Episodes shown in a window while they are played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.environments.window import Window
from collectiverun_trainer.rollouts.play import play
from collectiverun_trainer.rollouts.policy import Policy

PAUSE_SECONDS = 1.0  # at the end of an episode


@dataclass(frozen=True)
class Shown:
    """An episode that was shown to its end."""

    goal: int
    any_step: bool  # success at any env step
    at_end: bool  # success at the last one


def show(
    policy: Policy, task: Task, settings: EnvironmentSettings, goal: int, seconds: float
) -> Iterator[Shown]:
    """Play goal after goal of `settings.goal_seed`, from `goal` on and round, until the window is closed.

    Args:
        seconds: for which each decision is shown.

    Raises:
        Usage: no window can be opened.
    """
    environment = VectorEnvironment((task,), settings)
    with environment.window(0) as window:
        while (shown := _episode(environment, window, policy, goal, seconds)) is not None:
            yield shown
            goal = (goal + 1) % settings.goals


def _episode(
    environment: VectorEnvironment, window: Window, policy: Policy, goal: int, seconds: float
) -> Shown | None:
    """One episode; None if the window was closed meanwhile."""
    any_step = at_end = False
    for decision in play(environment, policy, [goal]):
        if not window.is_open:
            return None
        window.show(seconds)
        any_step |= bool(decision.success_any[0])
        at_end = bool(decision.success_end[0])
    window.show(PAUSE_SECONDS)
    return Shown(goal, any_step, at_end)
