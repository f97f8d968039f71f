"""The operator under many runs: its memory, its writes, how soon it acts, how soon it is ready after a start.

    python benchmarks/operator_scale.py                          # 500 runs, 5,000 Jobs; a quarter of an hour
    python benchmarks/operator_scale.py --runs 20 --seconds 20   # to see that it works
    python benchmarks/operator_scale.py --baseline CHECKOUT
    python benchmarks/operator_scale.py --runs 1 --experts 128 --students   # one run of 260 members, the most

With `--baseline` the operator of another checkout, installed in that one's own .venv, is measured first, on a
cluster of its own with that one's definition of a run; the table has both and their ratio.

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
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crowd import Crowd, crowd
from measured_operator import MeasuredOperator, cpu_seconds
from operator_figures import Measured, Span, heading, table
from testbed import ROOT
from testbed.cluster.operator_process import OperatorProcess
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubelet import SIMULATED
from testbed.kubernetes.audit_log import read_audit
from testbed.kubernetes.crd import install_crd

EVENTS_PER_SECOND = 20.0
SETTLE_SECONDS = 20.0
EXPERTS = 10
NEVER = "86400"


@dataclass(frozen=True)
class Product:
    """A checkout that is installed in its own environment."""

    checkout: Path

    @property
    def command(self) -> Sequence[str]:
        """What starts its operator."""
        return (str(self.checkout / ".venv" / "bin" / "collectiverun-operator"),)

    @property
    def crd(self) -> Path:
        """Its definition of a run."""
        return self.checkout / "crds" / "collectiveruns.yaml"


@dataclass(frozen=True)
class Crowded:
    """How many runs there are, and what each has."""

    runs: int
    experts: int
    students: bool

    @property
    def jobs_at_once(self) -> int:
        """While all experts run."""
        return self.runs * self.experts


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500, help="each has --experts Jobs at once")
    parser.add_argument("--experts", type=int, default=EXPERTS, help="of each run, one Job each; 128 at most")
    parser.add_argument("--students", action="store_true", help="refinement too, and a student a task")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the stages idle (half) and events")
    parser.add_argument("--baseline", type=Path, default=None, metavar="CHECKOUT", help="another checkout")
    parser.add_argument("--folder", type=Path, default=None, help="for logs; a temporary one otherwise")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="operator-scale-"))
    products = [Product(ROOT)] if arguments.baseline is None else [Product(arguments.baseline), Product(ROOT)]
    measured = []
    for number, product in enumerate(products):
        say(f"operator of {product.checkout}")
        crowded = Crowded(arguments.runs, arguments.experts, arguments.students)
        stages_of = measure(folder / str(number), product, crowded, arguments.seconds)
        measured.append(asyncio.run(stages_of))
    print(heading(), table(*reversed(measured)), sep="\n\n")


async def measure(folder: Path, product: Product, crowded: Crowded, seconds: float) -> Measured:
    """All stages, one after the other."""
    with SmallCluster(folder, pods=SIMULATED, with_crd=False) as cluster:
        install_crd(cluster.kubectl, product.crd)
        namespace = cluster.namespace("scale")
        # A simulated Pod has new figures whenever it is asked: without them nothing changes while idle.
        settings = {"COLLECTIVERUN_FIGURES_SECONDS": NEVER}
        operator = MeasuredOperator(cluster.operator(namespace, product.command, **settings))
        async with crowd(cluster.kubeconfig, namespace) as people:
            following = asyncio.create_task(people.follow())
            measured = await stages(cluster, people, operator, product, crowded, seconds)
            following.cancel()
        measured.requests = list(read_audit(cluster.audit_log, namespace))
        return measured


async def stages(
    cluster: SmallCluster,
    people: Crowd,
    operator: MeasuredOperator,
    product: Product,
    crowded: Crowded,
    seconds: float,
) -> Measured:
    """Everything once all is up."""
    runs = crowded.runs
    ramp = await ramp_up(people, crowded)
    say(f"ramp: {ramp:.0f} s; operator's peak {operator.peak_mib:.0f} MiB")
    await asyncio.sleep(SETTLE_SECONDS)
    idle = await idle_for(seconds / 2)
    operator.replace(not_started(cluster.operator(people.namespace, product.command, wait=False)))
    start = await asyncio.to_thread(operator.seconds_to_first_pass, runs)
    say(f"start: {start:.1f} s; operator's peak {operator.peak_mib:.0f} MiB")
    await asyncio.sleep(SETTLE_SECONDS)
    events = await send_events(people, runs, seconds)
    say(f"events: {seconds:.0f} s at {EVENTS_PER_SECOND:.0f}/s")
    await finish(people, runs)
    server = cpu_seconds(cluster.control_plane.api_server)
    return Measured(
        crowded.jobs_at_once,
        ramp,
        start,
        operator.peak_mib,
        operator.cpu_seconds,
        server,
        idle,
        events,
        *await people.largest_bytes(),
    )


def not_started(process: OperatorProcess) -> OperatorProcess:
    """One that is killed before it did anything, to be started when time is measured."""
    process.kill()
    return process


async def ramp_up(people: Crowd, crowded: Crowded) -> float:
    """Seconds until every run's experts run."""
    began = time.monotonic()
    await people.create_runs(crowded.runs, crowded.experts, crowded.students)
    await people.wait_for_running(crowded.jobs_at_once)
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


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
