"""`make demo`, killed with SIGKILL at random moments and started again each time: does it complete, once?

    python benchmarks/interrupted_quickstart.py --kills 5 --seed 1

Each round starts `make demo` in a process group of its own and kills the whole group after a random time;
the last round is left alone. The run's own record then tells whether any member was committed twice or ran
in two live attempts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

from collectiverun_operator.cluster.local.journal import read_journal, violations

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Kill, start again, let it complete, read the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--longest", type=float, default=120.0, help="seconds a round lives at most")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="interrupted-"))
    moments = random.Random(arguments.seed)
    for number in range(1, arguments.kills + 1):
        lived = moments.uniform(1.0, arguments.longest)
        print(f"round {number}: killed after {lived:.1f} s, {alive_when_killed(folder, lived)}", flush=True)
    completed = start(folder)
    code = completed.wait()
    print(f"round {arguments.kills + 1}: left alone, exit code {code}")
    prove(folder)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """`make demo` with storage and record below `folder`, in a process group of its own."""
    body = yaml.safe_load((ROOT / "examples" / "01-quickstart.yaml").read_text())
    body["spec"]["storage"] = {"uri": f"file://{folder}/storage"}
    run_file = folder / "run.yaml"
    run_file.write_text(yaml.safe_dump(body))
    environment = {**os.environ, "COLLECTIVERUN_CACHE": str(folder / "cache")}
    log = (folder / "demo.log").open("ab")
    command = ["make", "demo", f"RUN={run_file}"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def alive_when_killed(folder: Path, seconds: float) -> str:
    """Start, wait, kill the process group; which phase was running then."""
    process = start(folder)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    running = [event for event in events(folder) if event["event"] == "podStarted"]
    return (
        f"last started: {running[-1]['phase']}/{running[-1]['member']}" if running else "nothing started yet"
    )


def events(folder: Path) -> list[dict[str, object]]:
    """The record of the run so far."""
    return [event for path in (folder / "cache").glob("*/history.jsonl") for event in read_journal(path)]


def prove(folder: Path) -> None:
    """Print what the record and the storage say about double work."""
    recorded = events(folder)
    commits = [path.parent for path in (folder / "storage").rglob("attempt-*/*/_SUCCESS")]
    members = {path.parts[-4:-2] for path in commits}
    starts = sum(event["event"] == "podStarted" for event in recorded)
    print(f"attempts started: {starts}; members committed: {len(members)}; commits: {len(commits)}")
    print(f"violations of 'one live attempt, one commit': {json.dumps(violations(recorded))}")
    print((folder / "demo.log").read_text()[-1800:])


if __name__ == "__main__":
    main()
