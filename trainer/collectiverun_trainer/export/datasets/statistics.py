"""Statistics of columns as LeRobot's datasets carry them, for whoever normalises by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, NDArray[Any]]
_QUANTILES: Final = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def statistics(columns: Columns) -> dict[str, dict[str, list[float] | list[int]]]:
    """min, max, mean, std, count and quantiles of each column (rows,) or (rows, size), by its name.

    Each has one number per entry of a row, count has one. Truth values count as 0 and 1.
    """
    return {name: _of_one(column.reshape(len(column), -1)) for name, column in columns.items()}


def _of_one(rows: NDArray[Any]) -> dict[str, list[float] | list[int]]:
    numbers = rows.astype(np.float64)
    quantiles = np.quantile(numbers, list(_QUANTILES.values()), axis=0)
    return {
        "min": numbers.min(0).tolist(),
        "max": numbers.max(0).tolist(),
        "mean": numbers.mean(0).tolist(),
        "std": numbers.std(0).tolist(),
        "count": [len(numbers)],
        **dict(zip(_QUANTILES, quantiles.tolist(), strict=True)),
    }
