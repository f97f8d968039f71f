#!/usr/bin/env bash
# PyTorch: torch.set_flush_denormal reaches the calling thread, and threads that start later, alone.
#
# Seen with torch 2.13.0 (PyPI, CUDA build) on an x86-64 processor, Python 3.11, November 2026. Its documentation says
# that it disables denormal numbers on the CPU. The flags are each thread's own, and a new thread inherits them. Called
# when torch's pool of threads is running, that is after the first operation that was worth sharing out, it leaves the
# pool as it was: one and the same multiplication of equal numbers gives zeros in the calling thread's half of a tensor and
# denormals in the other. Switched off again, the pool keeps flushing if it had started in between. So results hang on
# the number of threads and on what ran before, and the operations that were to become quicker (Adam's moments of dead
# units) stay slow.
#
# What helps: call it first of all in a process, before any tensor; the script shows that too.
#
# Ends with 1 if the behaviour is another one. Needs python3 with venv, 6 GB and some minutes for torch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6

cat >flush.py <<'PYTHON'
import sys

import torch

ROWS = 1 << 20  # enough to be shared between two threads


def denormals_left() -> str:
    """Of each half of a product of 2e-38 and 0.1, which is a denormal: the share that is not zero."""
    product = torch.full((ROWS,), 2e-38) * 0.1
    kept = product.view(torch.int32) != 0  # bits: in a thread that flushes a denormal compares equal to zero
    return " and ".join(f"{half.float().mean():.0%}" for half in kept.chunk(2))


torch.set_num_threads(2)
if sys.argv[1] == "late":
    print("at first:", denormals_left())
torch.set_flush_denormal(True)
print(f"switched on {sys.argv[1]}:", denormals_left())
torch.set_flush_denormal(False)
print("switched off:", denormals_left())
PYTHON
for moment in late first; do
    venv/bin/python flush.py "$moment"
done | tee seen
diff seen - <<'EXPECTED'
at first: 100% and 100%
switched on late: 0% and 100%
switched off: 100% and 100%
switched on first: 0% and 0%
switched off: 100% and 0%
EXPECTED
echo "as described"
