"""The operator, killed before and after every single write of a run: does the run complete, all of it once?

    python benchmarks/killed_operator.py             # every point, before and after; some minutes
    python benchmarks/killed_operator.py --step 5    # every fifth point

For each point a run of its own: an operator kills itself there, a second one goes on. The points are counted
until a run completes without its operator reaching the next one. What was done is read from the API server's
audit log and the run's status. Pods are simulated, all else is real.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chaos.killable_operator import killable_command
from chaos.short_run import CLEANED, ShortRun
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED
from testbed.kubernetes.audit_log import created_jobs

SIDES = ("before", "after")
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Point:
    """What came of a kill before or after write `number`. `faults`: sentences; empty: all is well."""

    side: str
    number: int
    was_reached: bool
    jobs: int
    faults: list[str]


def main() -> None:
    """Go through the points and print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--step", type=int, default=1, help="take every so many-th point")
    parser.add_argument("--at-once", type=int, default=4, help="runs at the same time")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="killed-operator-"))
    with SmallCluster(folder, pods=SIMULATED) as cluster:
        points = list(all_points(cluster, arguments.step, arguments.at_once))
    sys.exit(report([point for point in points if point.was_reached]))


def all_points(cluster: SmallCluster, step: int, at_once: int) -> Iterator[Point]:
    """Every point, until a whole batch was reached by no operator."""
    with ThreadPoolExecutor(at_once) as pool:
        for first in itertools.count(1, step * at_once):
            numbers = range(first, first + step * at_once, step)
            tried = [pool.submit(kill_at, cluster, side, number) for number in numbers for side in SIDES]
            batch = [future.result() for future in tried]
            for point in batch:
                print(line_of(point), flush=True)
            yield from batch
            if not any(point.was_reached for point in batch):
                return


def kill_at(cluster: SmallCluster, side: str, number: int) -> Point:
    """One run whose first operator dies at this point, if it gets there."""
    run = ShortRun.begin(cluster, CLEANED, pod_seconds=0.2)
    first = cluster.operator(run.namespace.name, command=killable_command(side, number), wait=False)
    cluster.wait_for("death or completion", lambda: not first.is_running or run.is_over, LIMIT_SECONDS)
    was_reached = not first.is_running
    first.kill()
    with cluster.operator(run.namespace.name):
        cluster.wait_for("completion", lambda: run.is_over, LIMIT_SECONDS)
    return Point(side, number, was_reached, len(created_jobs(run.namespace.requests())), run.faults())


def line_of(point: Point) -> str:
    """The point in a line."""
    outcome = "; ".join(point.faults) or f"Complete, {point.jobs} Jobs, each made once"
    return f"{point.side} write {point.number}: {outcome if point.was_reached else 'never reached'}"


def report(points: list[Point]) -> int:
    """Print the sum; the exit code."""
    bad = [point for point in points if point.faults]
    last = max(point.number for point in points)
    print(f"{len(points)} kills, at up to {last} writes of a run; {len(bad)} of them left something wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    main()
