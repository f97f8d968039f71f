"""Peak memory while a checkpoint with a full replay is saved, and while it is read again.

    OMP_NUM_THREADS=1 python benchmarks/saved_replay.py

Experts of 200,000 env steps each (100,000 decisions of 340 bytes), as one stack, saved to a folder. A peak is
of the process's resident memory, less what it holds without the replay, in units of the replay. A minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.returns import Returns

ENV_STEPS, ACTION_REPEAT, EPISODE = 200_000, 2, 250
EXPERTS = (1, 5)


def status_bytes(field: str) -> int:
    """A figure of this process: VmRSS is its resident memory, VmHWM the most it was."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) * 1024


def filled(experts: int, decisions: int) -> ReplayBuffer:
    """A replay full of episodes whose neighbouring rows share their observation."""
    streams = [torch.Generator().manual_seed(seed) for seed in range(experts)]
    replay = ReplayBuffer(decisions, streams, Returns(decisions, 1, 0.99))
    obs = torch.rand(experts, 39)
    for decision in range(decisions):
        next_obs = torch.rand(experts, 39)
        replay.add(obs, torch.rand(experts, 4), torch.rand(experts), next_obs)
        obs = torch.rand(experts, 39) if decision % EPISODE == EPISODE - 1 else next_obs
    return replay


def measure(experts: int, decisions: int) -> dict[str, float]:
    """Peak of saving and of loading over the replay's own bytes, and the seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Storage(StorageOptions()), f"file://{folder}", attempt=1)
        # What the libraries load for this work is no copy of the replay: all of it once, with a short one.
        short = filled(experts, EPISODE)
        store.save(0, {"replay": short.state_dict()})
        short.load_state_dict(store.latest()[1]["replay"])  # type: ignore[index]
        before = status_bytes("VmRSS")
        replay = filled(experts, decisions)
        size = experts * decisions * 85 * 4
        figures = {}
        for name, work in (
            ("save", lambda: store.save(1, {"replay": replay.state_dict()})),
            ("load", lambda: replay.load_state_dict(store.latest()[1]["replay"])),  # type: ignore[index]
        ):
            Path("/proc/self/clear_refs").write_text("5")
            start = time.perf_counter()
            work()
            figures[f"{name}Seconds"] = time.perf_counter() - start
            figures[f"{name}Peak"] = (status_bytes("VmHWM") - before) / size
        return figures


def main() -> None:
    """One process for each number of experts, so that none has what another left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experts", type=int, help="measure only this many, and print JSON")
    parser.add_argument("--env-steps", type=int, default=ENV_STEPS)
    options = parser.parse_args()
    if options.experts:
        print(json.dumps(measure(options.experts, options.env_steps // ACTION_REPEAT)))
        return
    table = Table("experts", "replay", "peak while saving", "seconds", "peak while loading", "seconds")
    for experts in EXPERTS:
        command = [sys.executable, __file__, "--experts", str(experts), "--env-steps", str(options.env_steps)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        size = f"{experts * options.env_steps // ACTION_REPEAT * 340 / 1e6:.0f} MB"
        saving = (f"{found['savePeak']:.2f} x", f"{found['saveSeconds']:.1f}")
        table.add_row(
            str(experts), size, *saving, f"{found['loadPeak']:.2f} x", f"{found['loadSeconds']:.1f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
