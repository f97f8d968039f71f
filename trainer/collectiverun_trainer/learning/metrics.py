"""Metrics of many gradient steps as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def means(steps: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Each metric's mean over the steps, (E,), which all have the same metrics; empty if there were none.

    A learner's mean has the same bits whoever is beside it: its values lie side by side when they are added.
    """
    names = steps[0] if steps else ()
    return {name: torch.stack([step[name] for step in steps], -1).mean(-1) for name in names}
