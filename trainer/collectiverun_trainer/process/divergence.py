"""Whether a phase's losses grew beyond anything that its rewards can explain, and what to say then."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

LOSSES: Final = "losses/"
_LARGEST_REWARD = 10.0  # of Meta-World's second version, a step
_SHOWN_TASKS = 3
_logger = logging.getLogger(__name__)


def loss_limit(params: Mapping[str, Any]) -> float:
    """No healthy loss is above it: the square of three times the largest return there can be.

    `params` are a phase's; where it has neither `rewardScale` nor `discount` those of SAC's defaults count.
    """
    scale, discount = params.get("rewardScale", 1.0), min(params.get("discount", 0.99), 0.999)
    largest_reward = _LARGEST_REWARD * max(scale, 1.0) + params.get("successReward", 0.0)
    largest_return = largest_reward / (1.0 - discount)
    return float((3.0 * largest_return) ** 2)


def told_divergence(records: Iterable[Mapping[str, Any]], params: Mapping[str, Any]) -> str:
    """A sentence on the tasks whose losses were beyond bounds or no number, logged too; empty if none was."""
    worst = _worst(records, loss_limit(params))
    if not worst:
        return ""
    told = [f"{task} ({name} {_size(size)})" for task, (size, name) in list(worst.items())[:_SHOWN_TASKS]]
    more = f" and {len(worst) - _SHOWN_TASKS} more" if len(worst) > _SHOWN_TASKS else ""
    sentence = (
        f"Losses grew without bound: {', '.join(told)}{more}; "
        "try a lower learningRate or rewardScale, and look at its success before it is used."
    )
    _logger.warning(sentence)
    return sentence


def _worst(records: Iterable[Mapping[str, Any]], limit: float) -> dict[str, tuple[float, str]]:
    """By task: the largest loss above `limit`, and its name."""
    worst: dict[str, tuple[float, str]] = {}
    for record in records:
        for name, value in record["values"].items():
            size = math.inf if value is None else abs(value)  # metrics keep NaN and infinity as null
            if LOSSES in name and size > limit:
                task = record["task"] or "all tasks"
                worst[task] = max(worst.get(task, (0.0, "")), (size, name))
    return worst


def _size(size: float) -> str:
    return "not a number" if math.isinf(size) else f"up to {size:.0e}"
