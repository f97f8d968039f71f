"""The operator as a process whose memory and metrics are read, and what the audit log tells about it."""

from __future__ import annotations

import math
import re
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from testbed.cluster.operator_process import OperatorProcess
from testbed.kubernetes.audit_log import Request

KIB_PER_MIB = 1024
OPERATOR = "collectiverun-operator"  # how its service account's name ends
# `<run>-<phase>-<hash>-<attempt>`, and for a Pod five characters more.
_JOB_NAME = re.compile(r"(?P<run>.+)-[a-z]+-[0-9a-f]{8}-\d+(-[a-z0-9]{5})?")


class MeasuredOperator:
    """An operator, and the one that takes its place; `peak_mib` is over both."""

    def __init__(self, process: OperatorProcess) -> None:
        self._process = process
        self._peak_kib = 0

    def replace(self, process: OperatorProcess) -> None:
        """End it with SIGKILL, its memory's peak noted; another one, not started yet, takes its place."""
        self._note_peak()
        self._process.kill()
        self._process = process

    @property
    def peak_mib(self) -> float:
        """Most memory (resident) any of the processes had so far."""
        self._note_peak()
        return self._peak_kib / KIB_PER_MIB

    def seconds_to_first_pass(self, runs: int) -> float:
        """Start it and wait until it has looked at so many runs; seconds from the start of the process."""
        began = time.monotonic()
        self._process.start(wait=False)
        while self._runs_looked_at() < runs:
            if not self._process.is_running:
                raise RuntimeError(f"the operator ended:\n{self._process.log[-2000:]}")
            time.sleep(0.2)
        return time.monotonic() - began

    def _runs_looked_at(self) -> float:
        if self._process.health()[0] == 0:  # not listening yet
            return 0.0
        families = text_string_to_metric_families(self._process.metrics())
        states = (family.samples for family in families if family.name == "collectiverun_runs")
        return sum(sample.value for samples in states for sample in samples)

    def _note_peak(self) -> None:
        if self._process.is_running:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            self._peak_kib = max(self._peak_kib, int(found.group(1)) if found else 0)


def operator_writes(requests: Iterable[Request]) -> list[Request]:
    """What the operator changed, its canary Lease left out: that is renewed by the clock."""
    return [r for r in requests if r.user.endswith(OPERATOR) and r.is_write and r.resource != "leases"]


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
