"""GPUs of this machine as CUDA counts them, asked of the driver.

Names in /dev tell nothing: in a container with one GPU of eight /dev/nvidia3 is CUDA's 0, and WSL2 has none.
"""

from __future__ import annotations

import os
import subprocess
import sys

GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"
# A driver that hangs must not hang the run; one that wakes eight GPUs may take half a minute.
_LIMIT_SECONDS = 120.0

# In a process of its own: a library that crashes or hangs takes nothing with it, and holds no device.
_COUNT = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
count = ctypes.c_int(0)
if cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0:
    print(count.value)
"""


def gpu_names() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES calls each GPU that a process with our environment would see."""
    return named(device_count(), os.environ.get(GPU_VARIABLE))


def named(count: int, visible: str | None) -> tuple[str, ...]:
    """The first `count` names in CUDA_VISIBLE_DEVICES where it is set, else the indices."""
    if visible is None:
        return tuple(str(index) for index in range(count))
    # CUDA sees those before the first that it does not know.
    return tuple(name.strip() for name in visible.split(","))[:count]


def device_count() -> int:
    """GPUs that the driver shows to a process with our environment; 0 without a driver."""
    try:
        asked = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _COUNT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0
    return int(asked.stdout or 0)
