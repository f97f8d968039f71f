"""The operator under many runs: its memory, its writes, how soon it acts, how soon it is ready after a start.

    python benchmarks/operator_scale.py                          # 500 runs, 5,000 Jobs; a quarter of an hour
    python benchmarks/operator_scale.py --runs 20 --seconds 20   # to see that it works

A real API server, Job controller and scheduler, and the operator as a process with the rights the chart gives
it. Only the kubelet is simulated: Pods run until they are told to end. In turn:

ramp    every run is created at once; until all of its experts' Pods run
idle    nothing changes
start   the operator is killed and another started, which reads progress from logs too; until it has looked
        at every run
events  20 Pods a second end: from the answer to a Pod's last status to the next status of its run, and from
        the end of a phase's last Pod to the next phase's Job
finish  Pods end as soon as they run, until every run is Complete
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crowd import Crowd, crowd
from operator_figures import (
    MeasuredOperator,
    hand_overs,
    operator_writes,
    quantile,
    reactions,
)
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED
from testbed.kubernetes.audit_log import Request, created_jobs, read_audit
from testbed.programs.binaries import control_plane_binaries

PACKAGES = ("kopf", "kubernetes", "aiohttp", "pydantic", "prometheus-client")
EVENTS_PER_SECOND = 20.0
SETTLE_SECONDS = 20.0
MEMBERS = 10
NEVER = "86400"


@dataclass
class Span:
    """A stretch of the benchmark, in Unix seconds, as the audit log has it."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.ended - self.began

    def holds(self, request: Request) -> bool:
        """Whether a request was received in it."""
        return self.began <= request.received < self.ended


@dataclass
class Measured:
    """What the stages leave to the table."""

    runs: int
    ramp_seconds: float
    start_seconds: float
    peak_mib: float
    idle: Span
    events: Span
    requests: list[Request] = field(default_factory=list)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500, help="each has ten experts, so ten Jobs at once")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the stages idle (half) and events")
    parser.add_argument("--folder", type=Path, default=None, help="for logs; a temporary one otherwise")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="operator-scale-"))
    measured = asyncio.run(measure(folder, arguments.runs, arguments.seconds))
    print(heading(), table(measured), sep="\n\n")


async def measure(folder: Path, runs: int, seconds: float) -> Measured:
    """All stages, one after the other."""
    with SmallCluster(folder, pods=SIMULATED) as cluster:
        namespace = cluster.namespace("scale")
        # A simulated Pod has new figures whenever it is asked: without them nothing changes while idle.
        operator = MeasuredOperator(cluster.operator(namespace, COLLECTIVERUN_FIGURES_SECONDS=NEVER))
        async with crowd(cluster.kubeconfig, namespace) as people:
            following = asyncio.create_task(people.follow())
            measured = await stages(cluster, people, operator, runs, seconds)
            following.cancel()
        measured.requests = list(read_audit(cluster.audit_log, namespace))
        return measured


async def stages(
    cluster: SmallCluster, people: Crowd, operator: MeasuredOperator, runs: int, seconds: float
) -> Measured:
    """Everything once all is up."""
    ramp = await ramp_up(people, runs)
    say(f"ramp: {ramp:.0f} s; operator's peak {operator.peak_mib:.0f} MiB")
    await asyncio.sleep(SETTLE_SECONDS)
    idle = await idle_for(seconds / 2)
    operator.replace(not_started(cluster.operator(people.namespace, wait=False)))
    start = await asyncio.to_thread(operator.seconds_to_first_pass, runs)
    say(f"start: {start:.1f} s; operator's peak {operator.peak_mib:.0f} MiB")
    await asyncio.sleep(SETTLE_SECONDS)
    events = await send_events(people, runs, seconds)
    say(f"events: {seconds:.0f} s at {EVENTS_PER_SECOND:.0f}/s")
    await finish(people, runs)
    return Measured(runs, ramp, start, operator.peak_mib, idle, events)


def not_started(process: OperatorProcess) -> OperatorProcess:
    """One that is killed before it did anything, to be started when time is measured."""
    process.kill()
    return process


async def ramp_up(people: Crowd, runs: int) -> float:
    """Seconds until every run's experts run."""
    began = time.monotonic()
    await people.create_runs(runs, MEMBERS)
    await people.wait_for_running(runs * MEMBERS)
    return time.monotonic() - began


async def idle_for(seconds: float) -> Span:
    """Change nothing."""
    began = time.time()
    await asyncio.sleep(seconds)
    return Span(began, time.time())


async def send_events(people: Crowd, runs: int, seconds: float) -> Span:
    """Let Pods of half of the runs end, so that whole phases end too; and wait for what follows."""
    began = time.time()
    await people.finish_at(EVENTS_PER_SECOND, seconds, among=max(2, runs // 2))
    await asyncio.sleep(SETTLE_SECONDS)
    return Span(began, time.time())


async def finish(people: Crowd, runs: int) -> None:
    """Let every Pod end as soon as it runs, until every run is Complete."""
    while (await people.states()).get("Complete", 0) < runs:
        await people.finish_all()
        await asyncio.sleep(1.0)


def heading() -> str:
    """Machine and versions."""
    server = control_plane_binaries().version
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    machine = f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}) for operator and cluster together"
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    return f"{machine}, {load}; Kubernetes {server}, Python {platform.python_version()}, {packages}"


def table(measured: Measured) -> str:
    """The figures beside what is aimed at."""
    writes = operator_writes(measured.requests)
    jobs = len(created_jobs(measured.requests))
    idle = sum(measured.idle.holds(write) for write in writes)
    during = [write for write in writes if measured.events.holds(write)]
    ends = [r for r in measured.requests if r.resource == "pods/status" and measured.events.holds(r)]
    reacted, handed = reactions(ends, during), hand_overs(ends, during)
    rows = [
        ("runs, and Jobs at once", f"{measured.runs}, {measured.runs * MEMBERS}", ""),
        ("time to ramp up", f"{measured.ramp_seconds:.0f} s", ""),
        ("operator's memory at its peak", f"{measured.peak_mib:.0f} MiB", "≤ 256 MiB"),
        ("start to first full pass", f"{measured.start_seconds:.1f} s", "≤ 60 s"),
        ("writes while nothing changes", f"{idle} in {measured.idle.seconds:.0f} s", "0"),
        ("writes per Job", f"{len(writes) / jobs:.2f} ({len(writes)} for {jobs})", "≤ 6"),
        *times_of("Pod's end to status", reacted),
        *times_of("phase's end to the next Job", handed),
        *((f"writes: {kind}", f"{count / jobs:.2f} per Job", "") for kind, count in by_kind(writes)),
    ]
    head = ["| figure | measured | aim |", "|---|---|---|"]
    return "\n".join(head + [f"| {name} | {value} | {aim} |" for name, value, aim in rows])


def times_of(name: str, seconds: list[float]) -> list[tuple[str, str, str]]:
    """Rows of a distribution."""
    shown = [(50, ""), (99, "≤ 2 s")]
    return [
        (f"{name}, p{share} of {len(seconds)}", f"{quantile(seconds, share / 100):.3f} s", aim)
        for share, aim in shown
    ]


def by_kind(writes: list[Request]) -> list[tuple[str, int]]:
    """How many writes of which kind, as `patch collectiveruns/status`; the most frequent first."""
    return Counter(f"{write.verb} {write.resource}" for write in writes).most_common()


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
