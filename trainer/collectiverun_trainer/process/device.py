"""The device of tensors, and how torch and numpy compute on it."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def default_device() -> torch.device:
    """The first CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def configure_arithmetic(threads: int) -> None:
    """Fix the thread count, prefer deterministic kernels and flush denormal numbers to zero.

    So the same order gives the same bits on the same kind of processor. Call it before torch starts threads.

    Args:
        threads: CPU threads of one torch operation; a sum's order of additions depends on it. A product of
            numpy's has one: experts are what is computed side by side.
    """
    # First of all, for threads inherit it when they start. Adam's moments of dead units sink into denormal
    # numbers and stay there, on which Intel's processors are 20 to 200 times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    threadpool_limits(1, user_api="blas")
    # Warn only: some CUDA kernels have no deterministic form, and bits are promised for the CPU.
    # The debug mode does what use_deterministic_algorithms does, without the 1.4 s to load the compiler.
    torch.set_deterministic_debug_mode("warn")
    # Otherwise every torch.empty would be filled first, to show reads of unset memory.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 - torch has no type for it
