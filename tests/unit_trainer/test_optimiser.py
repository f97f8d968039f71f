"""Adam without torch's compiler: the same bits, and seconds less before a phase begins."""

import subprocess
import sys
from pathlib import Path

# In a process of its own: torch's optimisers load its compiler, which can't be loaded beside every library
# that other tests use.
COMPARISON = """
import torch
from collectiverun_trainer.sac import optimiser as ours

def weights(kind):
    torch.manual_seed(7)
    layer = torch.nn.Linear(9, 5)
    optimiser = kind(layer.parameters(), lr=1e-2, fused=True)
    for step in range(10):
        if step == 5:  # half of the steps are taken after its state was saved and restored
            state = optimiser.state_dict()
            optimiser = kind(layer.parameters(), lr=1.0, fused=True)
            optimiser.load_state_dict(state)
        optimiser.zero_grad()
        layer(torch.randn(4, 9)).square().sum().backward()
        optimiser.step()
    return [value for parameter in layer.parameters() for value in parameter.flatten().tolist()]

print(weights(ours.Adam) == weights(torch.optim.Adam), weights(ours.AdamW) == weights(torch.optim.AdamW))
print(weights(ours.Adam) == weights(ours.AdamW))
"""


def test_it_computes_the_bits_that_torchs_own_does():
    printed = subprocess.run(
        [sys.executable, "-c", COMPARISON], capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["True", "True", "False"]


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
