"""Functions on arrays that numba compiles when they are defined, and keeps as Python keeps its bytecode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(signature: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for arguments of these types; `options` are those of `numba.njit`."""

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return njit(signature, cache=True, **options)(function)
        except RuntimeError:  # there is no folder in which numba could keep its work
            return njit(signature, **options)(function)

    return compile_
