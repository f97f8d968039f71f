"""Aggregates over (task × run) scores, as in Agarwal et al. 2021 (doi:10.48550/arXiv.2108.13264).

With few runs it takes robust aggregates to tell a difference from chance: the interquartile mean beside the
mean, and how likely one run is to beat another. What is resampled are whole runs, within each task by itself
(stratified); the goals of the evaluation are the same in all runs, and are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, trim_mean

from collectiverun_trainer.comparison.document import Estimate
from collectiverun_trainer.seeding import numpy_generator

Scores = NDArray[np.float64]
"""Success rates (tasks, runs), each 0..1."""
RESAMPLES: Final = 10_000
CONFIDENCE: Final = 0.95
_CUT: Final = 0.25  # of the scores at either end, for the interquartile mean
_BATCH: Final = 500  # resamples in memory at once

METHOD: Final = (
    "Mean and interquartile mean (IQM, the mean of the middle half) are over all task × run scores of a"
    f" configuration; a score is a run's success rate on a task. Intervals are {100 * CONFIDENCE:.0f} %"
    f" percentile intervals of {RESAMPLES:,} stratified bootstrap samples with a fixed seed: for each task"
    " by itself, the configuration's runs are drawn anew with replacement; goals are not resampled. With"
    " one run there is nothing to draw, hence no interval. The probability of improvement is that of a"
    " random run doing better than a random one of the first configuration on the same task, a tie"
    " counting half, as the mean over tasks (Agarwal et al. 2021, doi:10.48550/arXiv.2108.13264)."
)


def mean(scores: Scores) -> Estimate:
    """Mean of all scores (tasks, runs)."""
    return _estimate(_mean, float(scores.mean()), scores)


def interquartile_mean(scores: Scores) -> Estimate:
    """Mean of the middle half of all scores (tasks, runs); of fewer than four it is their mean."""
    return _estimate(_interquartile_mean, float(trim_mean(scores, _CUT, axis=None)), scores)


def probability_of_improvement(scores: Scores, over: Scores) -> Estimate:
    """How likely a run does better than one of `over` on a task: (tasks, runs) each, of the same tasks."""
    value = float(_improvement(*scores, *over))
    return _estimate(_improvement, value, scores, over)


def mean_curve(curves: NDArray[np.float64]) -> tuple[Scores, Scores | None, Scores | None]:
    """Mean over tasks and runs of curves (tasks, runs, points), and the ends of its interval (points,)."""
    middle = curves.mean(axis=(0, 1))
    if curves.shape[1] < 2:
        return middle, None, None
    low, high = _interval(_mean, [task.T for task in curves])  # (points, runs) of each task
    return middle, np.asarray(low), np.asarray(high)


def _estimate(statistic: Callable[..., Any], value: float, *matrices: Scores) -> Estimate:
    if min(matrix.shape[1] for matrix in matrices) < 2:
        return Estimate(value=value)
    low, high = _interval(statistic, [task for matrix in matrices for task in matrix])
    return Estimate(value=value, low=float(low), high=float(high))


def _interval(statistic: Callable[..., Any], strata: list[Scores]) -> tuple[Any, Any]:
    """Ends of the interval; `strata` are drawn from apart, along their last axis."""
    interval = bootstrap(
        strata,
        statistic,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        axis=-1,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=numpy_generator(0, "comparison", None, "bootstrap"),
    ).confidence_interval
    return interval.low, interval.high


def _mean(*strata: Any, axis: int = -1) -> Any:
    return np.concatenate(strata, axis=axis).mean(axis=axis)


def _interquartile_mean(*strata: Any, axis: int = -1) -> Any:
    return trim_mean(np.concatenate(strata, axis=axis), _CUT, axis=axis)


def _improvement(*strata: Any, axis: int = -1) -> Any:
    """The tasks of one side, then those of the other; runs lie along the last axis."""
    tasks = len(strata) // 2
    of_tasks = [
        np.sign(one[..., :, None] - other[..., None, :]).mean(axis=(-2, -1)) / 2 + 0.5
        for one, other in zip(strata[:tasks], strata[tasks:], strict=True)
    ]
    return np.mean(of_tasks, axis=0)
