"""The command behind `make cluster` and its kin, run as they run it."""

from __future__ import annotations

import os
import subprocess
import sys

from cluster.small_cluster import ROOT


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m cluster` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "cluster", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
    )
