"""Metrics of many gradient steps as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def means(steps: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Each metric's mean over the steps, which all have the same metrics; empty if there were none."""
    return {name: torch.stack([step[name] for step in steps]).mean(0) for name in steps[0]} if steps else {}
