"""The figures of an operator under many runs, from the audit log and its processes, as a table."""

from __future__ import annotations

import math
import os
import platform
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from testbed.kubernetes.audit_log import Request, created_jobs
from testbed.programs.binaries import control_plane_binaries

PACKAGES = ("kopf", "kubernetes", "aiohttp", "pydantic", "prometheus-client")
OPERATOR = "collectiverun-operator"  # how its service account's name ends
# `<run>-<phase>-<hash>-<attempt>`, and for a Pod five characters more.
_JOB_NAME = re.compile(r"(?P<run>.+)-[a-z]+-[0-9a-f]{8}-\d+(-[a-z0-9]{5})?")


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
    """What the stages leave to the table. CPU is that of the operator and of the API server, in seconds."""

    jobs_at_once: int
    ramp_seconds: float
    start_seconds: float
    peak_mib: float
    cpu_seconds: float
    server_cpu_seconds: float
    idle: Span
    events: Span
    run_bytes: int
    status_bytes: int
    requests: list[Request] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """One row: a number with its unit and the digits that mean something."""

    name: str
    value: float
    unit: str = ""
    digits: int = 0
    aim: str = ""

    def __str__(self) -> str:
        return f"{self.value:.{self.digits}f} {self.unit}".rstrip()


def heading() -> str:
    """Machine and versions."""
    server = control_plane_binaries().version
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    machine = f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}) for operator and cluster together"
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    return f"{machine}, {load}; Kubernetes {server}, Python {platform.python_version()}, {packages}"


def table(measured: Measured, baseline: Measured | None = None) -> str:
    """The figures beside what is aimed at, and beside another operator's if there is one."""
    figures = list(figures_of(measured))
    if baseline is None:
        rows = [(figure.name, str(figure), figure.aim) for figure in figures]
        return _markdown(("figure", "measured", "aim"), rows)
    others = {figure.name: figure for figure in figures_of(baseline)}
    paired = [
        (f.name, str(others[f.name]), str(f), _ratio(f, others[f.name]), f.aim)
        for f in figures
        if f.name in others
    ]
    return _markdown(("figure", "baseline", "measured", "ratio", "aim"), paired)


def figures_of(measured: Measured) -> Iterator[Figure]:
    """All figures in the table's order."""
    writes = [r for r in _of_operator(measured.requests) if r.is_write]
    jobs = len(created_jobs(measured.requests))
    yield Figure("Jobs at once", measured.jobs_at_once)
    yield Figure("time to ramp up", measured.ramp_seconds, "s")
    yield Figure("operator's CPU per Job", 1000 * measured.cpu_seconds / jobs, "ms", 1)
    yield Figure("API server's CPU per Job", 1000 * measured.server_cpu_seconds / jobs, "ms", 1)
    yield Figure("operator's memory at its peak", measured.peak_mib, "MiB", 0, "≤ 256 MiB")
    yield Figure("start to first full pass", measured.start_seconds, "s", 1, "≤ 60 s")
    yield Figure("largest run, as JSON", measured.run_bytes / 1024, "KiB", 1, "≤ 512 KiB")
    yield Figure("of it the status", measured.status_bytes / 1024, "KiB", 1, "≤ 160 KiB")
    idle = sum(measured.idle.holds(write) for write in writes)
    yield Figure(f"writes in {measured.idle.seconds:.0f} s without a change", idle, "", 0, "0")
    yield Figure("writes per Job", len(writes) / jobs, "", 2, "≤ 6")
    yield from _latencies(measured, writes)
    kinds = Counter(f"{write.verb} {write.resource}" for write in writes).most_common()
    for kind, count in kinds:
        yield Figure(f"writes: {kind}", count / jobs, "per Job", 2)
    reads = Counter(f"{r.verb} {r.resource}" for r in _of_operator(measured.requests) if not r.is_write)
    for kind, count in reads.most_common(4):
        yield Figure(f"reads: {kind}", count / jobs, "per Job", 2)


def _latencies(measured: Measured, writes: Iterable[Request]) -> Iterator[Figure]:
    during = [write for write in writes if measured.events.holds(write)]
    ends = [r for r in measured.requests if r.resource == "pods/status" and measured.events.holds(r)]
    statuses = [w.answered - w.received for w in during if w.resource == "collectiveruns/status"]
    yield from _quantiles("Pod's end to status", reactions(ends, during), "≤ 2 s")
    yield from _quantiles("of it the server's answer to the write", statuses)
    yield from _quantiles("phase's end to the next Job", hand_overs(ends, during), "≤ 2 s")


def _quantiles(name: str, seconds: Sequence[float], aim: str = "") -> Iterator[Figure]:
    yield Figure(f"{name}, p50", quantile(seconds, 0.5), "s", 3)
    yield Figure(f"{name}, p99", quantile(seconds, 0.99), "s", 3, aim)


def _ratio(figure: Figure, baseline: Figure) -> str:
    return f"{figure.value / baseline.value:.2f}" if baseline.value else ""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _of_operator(requests: Iterable[Request]) -> list[Request]:
    """The operator's requests, its canary Lease left out: that is renewed by the clock."""
    return [r for r in requests if r.user.endswith(OPERATOR) and r.resource != "leases"]


def reactions(ends: Iterable[Request], writes: Iterable[Request]) -> list[float]:
    """Seconds from each Pod's end to the answer to the next status written to its run."""
    answers: dict[str, list[Request]] = defaultdict(list)
    for write in writes:
        if write.resource == "collectiveruns/status":
            answers[write.name].append(write)
    found = []
    for end in ends:
        later = answers[run_of(end.name)]
        first = bisect_left([write.received for write in later], end.answered)
        if first < len(later):
            found.append(later[first].answered - end.answered)
    return found


def hand_overs(ends: Iterable[Request], writes: Iterable[Request]) -> list[float]:
    """Seconds from the end of a phase's last Pod to the answer that made the next phase's Job."""
    known: dict[str, list[float]] = defaultdict(list)
    for end in ends:
        known[run_of(end.name)].append(end.answered)
    found = []
    for write in writes:
        moments = known[run_of(write.name)] if (write.verb, write.resource) == ("create", "jobs") else []
        earlier = [moment for moment in moments if moment <= write.received]
        if earlier:
            found.append(write.answered - earlier[-1])
    return found


def run_of(name: str) -> str:
    """Name of the run a Job's or Pod's name begins with."""
    found = _JOB_NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not the name of a run's Job or Pod")
    return found["run"]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by that share of them; not a number if there are none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
