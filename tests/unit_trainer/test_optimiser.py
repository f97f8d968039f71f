"""Adam without torch's compiler: the same bits, and seconds less before a phase begins."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from collectiverun_trainer.sac.optimiser import Adam, AdamW


def weights(optimiser_type: type[torch.optim.Optimizer]) -> list[float]:
    """A layer's weights after steps, half of them after its state was saved and restored."""
    torch.manual_seed(7)
    layer = torch.nn.Linear(9, 5)
    optimiser = optimiser_type(layer.parameters(), lr=1e-2, fused=True)  # type: ignore[call-arg]
    for step in range(10):
        if step == 5:
            state = optimiser.state_dict()
            optimiser = optimiser_type(layer.parameters(), lr=1.0, fused=True)  # type: ignore[call-arg]
            optimiser.load_state_dict(state)
        optimiser.zero_grad()
        layer(torch.randn(4, 9)).square().sum().backward()
        optimiser.step()
    return [value for parameter in layer.parameters() for value in parameter.flatten().tolist()]


@pytest.mark.parametrize(("ours", "torchs"), [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)])
def test_it_computes_the_bits_that_torchs_own_does(ours, torchs):
    assert weights(ours) == weights(torchs)


def test_a_phase_learns_without_loading_the_compiler():
    program = """
import sys
from phases.small_run import SmallRun
run = SmallRun()
for phase in ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students"):
    run.do(phase)
print(sorted({"torch._dynamo", "torch._inductor", "sympy"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}){program}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
