"""Aggregates over (task × run) scores by hand, and their intervals against every sample there can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from collectiverun_trainer.comparison import statistics

SCORES = np.array([[0.0, 0.2, 0.4, 1.0], [0.5, 0.6, 0.9, 1.0]])
"""Two tasks, four runs."""


def test_mean_and_interquartile_mean_by_hand() -> None:
    assert statistics.mean(SCORES).value == pytest.approx(4.6 / 8)
    # Sorted: 0 .2 | .4 .5 .6 .9 | 1 1
    assert statistics.interquartile_mean(SCORES).value == pytest.approx(2.4 / 4)


def test_interquartile_mean_cuts_whole_scores_as_the_paper_does() -> None:
    # Of six scores a quarter is one and a half: one is cut at either end.
    six = np.array([[0.0, 0.1, 0.2], [0.3, 0.4, 1.0]])
    assert statistics.interquartile_mean(six).value == pytest.approx(1.0 / 4)
    assert statistics.interquartile_mean(np.array([[0.0], [1.0], [0.5]])).value == pytest.approx(0.5)


def test_probability_of_improvement_by_hand() -> None:
    ours, theirs = np.array([[0.5, 0.7], [0.2, 0.2]]), np.array([[0.5, 0.6], [0.9, 0.1]])
    # First task: a tie, a loss, two wins: 2.5 of 4. Second: two losses, two wins: 2 of 4.
    assert statistics.probability_of_improvement(ours, theirs).value == pytest.approx((2.5 / 4 + 2 / 4) / 2)
    assert statistics.probability_of_improvement(theirs, ours).value == pytest.approx(1 - 0.5625)


def test_one_run_tells_of_no_spread() -> None:
    one, two = np.array([[0.5], [1.0]]), np.array([[0.5, 0.6], [1.0, 0.9]])
    assert statistics.mean(one).low is None
    assert statistics.interquartile_mean(one).high is None
    assert statistics.probability_of_improvement(one, two).low is None
    assert statistics.mean_curve(one[:, :, None])[1:] == (None, None)


def every_resample(scores: np.ndarray) -> np.ndarray:
    """All equally likely stratified samples (samples, tasks, runs): what a bootstrap draws from."""
    of_task = [list(itertools.product(task, repeat=len(task))) for task in scores]
    return np.array(list(itertools.product(*of_task)))


def iqm(sample: np.ndarray) -> float:
    cut = sample.size // 4
    return float(np.sort(sample, axis=None)[cut : sample.size - cut].mean())


def test_the_interval_of_the_mean_is_that_of_all_stratified_samples() -> None:
    three = np.array([[0.0, 0.3, 0.9], [0.5, 0.7, 1.0]])
    means = every_resample(three).mean(axis=(1, 2))
    assert len(means) == 27 * 27
    found = statistics.mean(three)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)


def test_the_interval_of_the_interquartile_mean_is_that_of_all_stratified_samples() -> None:
    three = np.array([[0.0, 0.3, 0.9], [0.5, 0.7, 1.0]])
    means = [iqm(sample) for sample in every_resample(three)]
    found = statistics.interquartile_mean(three)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)


def test_the_interval_of_an_improvement_is_that_of_all_stratified_samples() -> None:
    ours, theirs = np.array([[0.5, 0.7], [0.2, 0.6]]), np.array([[0.5, 0.6], [0.9, 0.1]])

    def by_hand(mine: np.ndarray, other: np.ndarray) -> float:
        wins = [
            float(a > b) + float(a == b) / 2 for x, y in zip(mine, other, strict=True) for a in x for b in y
        ]
        return sum(wins) / len(wins)

    every = [by_hand(mine, other) for mine in every_resample(ours) for other in every_resample(theirs)]
    found = statistics.probability_of_improvement(ours, theirs)
    assert found.value == pytest.approx(by_hand(ours, theirs))
    assert (found.low, found.high) == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=0.04)


def test_tasks_are_strata() -> None:
    """Tasks of very different difficulty do not widen the interval: each keeps its place in every sample."""
    apart = np.array([[0.0, 0.02], [0.98, 1.0]])
    found = statistics.mean(apart)
    assert found.low == pytest.approx(0.49)
    assert found.high == pytest.approx(0.51)


def test_scores_that_are_all_equal_have_an_interval_without_width() -> None:
    found = statistics.mean(np.ones((3, 4)))
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_the_same_scores_give_the_same_interval() -> None:
    assert statistics.mean(SCORES) == statistics.mean(SCORES)


def test_the_interval_of_a_curve_is_at_each_point_that_of_the_mean() -> None:
    curves = np.stack([SCORES, 1 - SCORES], axis=-1)
    middle, low, high = statistics.mean_curve(curves)
    for point in (0, 1):
        one = statistics.mean(curves[:, :, point])
        found = middle[point], low[point], high[point]
        assert found == pytest.approx((one.value, one.low, one.high))
