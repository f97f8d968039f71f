"""The same order gives the same bits: fixed threads, deterministic kernels, and no denormal numbers."""

import subprocess
import sys

PROGRAM = """
import sys
import torch
from collectiverun_trainer.process import device
device.configure_arithmetic(2)
print(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
      torch.is_deterministic_algorithms_warn_only_enabled(),
      torch.utils.deterministic.fill_uninitialized_memory, "torch._inductor" in sys.modules)
"""


def test_threads_are_fixed_and_kernels_deterministic_without_loading_the_compiler():
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["2", "True", "True", "False", "False"]


DENORMALS = """
import torch
from collectiverun_trainer.process import device
device.configure_arithmetic(4)
assert torch.get_num_threads() == 4
print(int(torch.count_nonzero(torch.full((4_000_000,), 1e-40) * 0.5)))
"""


def test_no_thread_computes_with_denormal_numbers():
    printed = subprocess.run(
        [sys.executable, "-c", DENORMALS], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["0"]
