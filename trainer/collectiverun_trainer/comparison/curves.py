"""Learning curves of several runs as one: the mean over runs and tasks at common env steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectiverun_trainer.comparison.configurations import Group
from collectiverun_trainer.comparison.document import MeanCurve
from collectiverun_trainer.comparison.reading import ComparedRun
from collectiverun_trainer.comparison.statistics import mean_curve
from collectiverun_trainer.report.curves import Curve

SERIES: Final = ("experts", "collective", "students", "controls")


def mean_curves(groups: Sequence[Group]) -> Iterator[MeanCurve]:
    """For each series and configuration: over all tasks that every run has, then on each of these alone."""
    for series in SERIES:
        shared = _shared_tasks([run for group in groups for run in group.runs], series)
        for group in groups if shared else ():
            yield _mean(series, None, group, shared)
        for task in shared if len(shared) > 1 else ():
            yield from (_mean(series, task, group, [task]) for group in groups)


def aligned(curves: Sequence[Curve]) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Env steps (points,) from where all curves have begun, and any-step success (curves, points) at them.

    Between two evaluations a curve is straight; one that ended early, as training does that has reached its
    aim, stays where it ended.
    """
    begin = max(curve.env_steps[0] for curve in curves)
    grid = sorted({step for curve in curves for step in curve.env_steps if step >= begin})
    return tuple(grid), np.array([np.interp(grid, curve.env_steps, curve.any_step) for curve in curves])


def _shared_tasks(runs: Sequence[ComparedRun], series: str) -> list[str | None]:
    tasks = [dict.fromkeys(curve.task for curve in run.curves if curve.series == series) for run in runs]
    return [task for task in tasks[0] if all(task in own for own in tasks)]


def _mean(series: str, task: str | None, group: Group, tasks: Sequence[str | None]) -> MeanCurve:
    by_run = [{curve.task: curve for curve in run.curves if curve.series == series} for run in group.runs]
    env_steps, success = aligned([own[name] for name in tasks for own in by_run])
    mean, low, high = mean_curve(success.reshape(len(tasks), len(group.runs), len(env_steps)))
    return MeanCurve(
        series=series,
        task=task,
        configuration=group.name,
        env_steps=env_steps,
        mean=tuple(mean.tolist()),
        low=None if low is None else tuple(low.tolist()),
        high=None if high is None else tuple(high.tolist()),
    )
