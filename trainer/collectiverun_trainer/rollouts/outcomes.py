"""The outcomes of a policy's episodes, and the names of their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.config import Task
from collectiverun_trainer.order import Success

if TYPE_CHECKING:  # commands that read summaries are answered before torch and MuJoCo would be loaded
    from collectiverun_trainer.environments.observation import Flags

ANY_STEP: Final = "success_any_step"
AT_END: Final = "success_at_end"
RETURN: Final = "return"
SELECTION: Final = "evaluation"
"""Namespace of evaluations on selection goals, as in `evaluation/success_any_step`."""


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

    def metrics(self, namespace: str = SELECTION) -> dict[str, float]:
        """Success rates and mean return by metric name."""
        values = {
            ANY_STEP: self.success.any_step,
            AT_END: self.success.at_end,
            RETURN: float(self.returns.mean()),
        }
        return {f"{namespace}/{name}": value for name, value in values.items()}

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


def mean_success(outcomes: Iterable[Outcomes]) -> Success:
    """Mean of the tasks' success rates."""
    return mean_of([outcome.success for outcome in outcomes])


def mean_of(rates: Sequence[Success]) -> Success:
    """Mean of at least one pair of success rates."""
    return Success(any_step=fmean(r.any_step for r in rates), at_end=fmean(r.at_end for r in rates))


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a success rate (doi:10.1080/01621459.1927.10502953); n at least 1."""
    from scipy.stats import binomtest  # imported late: only the report needs it, and it takes a second

    interval = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
