"""The command behind `make cluster` and its kin, run as they run it."""

from __future__ import annotations

import os
import subprocess
import sys

from testbed import ROOT


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m testbed` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "testbed", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
