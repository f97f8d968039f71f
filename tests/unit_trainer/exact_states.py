"""Nested states compared bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def flat(state: Any, path: str = "") -> dict[str, Tensor]:
    """All tensors of a nested state by path."""
    if isinstance(state, Tensor):
        return {path: state}
    items = state.items() if isinstance(state, dict) else enumerate(state)
    return {name: tensor for key, value in items for name, tensor in flat(value, f"{path}/{key}").items()}


def assert_equal(one: Any, other: Any) -> None:
    """Bit for bit."""
    first, second = flat(one), flat(other)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert not different
