"""Learning curves: success on selection goals against env steps, taken from the metrics phases emit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from collectiverun_trainer.rollouts.outcomes import ANY_STEP, AT_END, SELECTION

_ANY_STEP, _AT_END = f"{SELECTION}/{ANY_STEP}", f"{SELECTION}/{AT_END}"


@dataclass(frozen=True)
class Curve:
    """One network's success while it learnt, an evaluation a point."""

    series: str
    task: str | None
    env_steps: tuple[int, ...]
    any_step: tuple[float, ...]
    at_end: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean any-step success over the evaluations: the area below an evenly spaced curve."""
        return fmean(self.any_step)

    def env_steps_to(self, threshold: float) -> int | None:
        """Env steps of the first evaluation whose any-step success reaches `threshold`; None: never."""
        reached = (
            steps for steps, share in zip(self.env_steps, self.any_step, strict=True) if share >= threshold
        )
        return next(reached, None)


def curves(records: Iterable[Mapping[str, Any]], series: str, prefix: str = "") -> list[Curve]:
    """One curve a task (or one for all, task None) from metrics records that carry both success rates.

    `prefix` stands before the names of the metrics, such as `student/`.
    """
    found: dict[str | None, list[tuple[int, float, float]]] = {}
    for record in records:
        values = record["values"]
        if prefix + _ANY_STEP in values:
            point = (
                int(record["envSteps"]),
                float(values[prefix + _ANY_STEP]),
                float(values[prefix + _AT_END]),
            )
            found.setdefault(record.get("task"), []).append(point)
    return [_curve(series, task, points) for task, points in found.items()]


def _curve(series: str, task: str | None, points: list[tuple[int, float, float]]) -> Curve:
    env_steps, any_step, at_end = zip(*sorted(points), strict=True)
    return Curve(series=series, task=task, env_steps=env_steps, any_step=any_step, at_end=at_end)
