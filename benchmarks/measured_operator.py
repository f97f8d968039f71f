"""The operator as a process that is measured from outside."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from testbed.cluster.operator_process import OperatorProcess
from testbed.processes.daemon import Daemon

KIB_PER_MIB = 1024


class MeasuredOperator:
    """An operator, and the one that takes its place; `peak_mib` and `cpu_seconds` are over both."""

    def __init__(self, process: OperatorProcess) -> None:
        self._process = process
        self._peak_kib = 0
        self._earlier_cpu_seconds = 0.0

    def replace(self, process: OperatorProcess) -> None:
        """End it with SIGKILL, its memory's peak noted; another one, not started yet, takes its place."""
        self._note_peak()
        self._earlier_cpu_seconds = self.cpu_seconds
        self._process.kill()
        self._process = process

    @property
    def peak_mib(self) -> float:
        """Most memory (resident) any of the processes had so far."""
        self._note_peak()
        return self._peak_kib / KIB_PER_MIB

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the processes so far."""
        return self._earlier_cpu_seconds + cpu_seconds(self._process)

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


def cpu_seconds(daemon: Daemon) -> float:
    """Processor time of a running process, in user and system mode, as in proc(5); 0 if it does not run."""
    if not daemon.is_running:
        return 0.0
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
