"""A run as commands show it, wherever it was read: its status, and what is known of each attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from collectiverun_operator.api.status import PhaseStatus, RunStatus
from collectiverun_operator.api.status_fields import ConditionType
from collectiverun_operator.json_types import JSONObject

AttemptState = Literal["Queued", "Pending", "Running", "Succeeded", "Failed", "Stopped"]
INTERRUPTED: Final = "Interrupted"  # no command works on a run that is not over
# Conditions that say why a run that is not over does not go on.
_TELLING: Final[tuple[ConditionType, ...]] = ("Accepted", "Queued", "Running", "Suspended")


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt of a member, in Unix seconds; None where it is not known."""

    phase: str
    member: str
    number: int
    state: AttemptState
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None
    cpu_seconds: float | None = None
    pod: str = ""
    node: str = ""


@dataclass(frozen=True)
class RunRecord:
    """A run, and where it was found.

    `is_driven`: whether a command of this machine works on it; None for a run of a cluster.
    """

    namespace: str
    name: str
    uid: str
    status: RunStatus
    attempts: tuple[AttemptRecord, ...] = ()
    storage: JSONObject | None = None
    is_driven: bool | None = None
    state_directory: Path | None = None

    @property
    def title(self) -> str:
        """`<namespace>/<name>`."""
        return f"{self.namespace}/{self.name}"

    @property
    def state(self) -> str:
        """The run's state; Interrupted where it is unfinished and nobody works on it."""
        is_still = self.status.is_finished or self.status.is_true("Suspended")
        if self.is_driven is False and not is_still:
            return INTERRUPTED
        return self.status.state or "Pending"

    @property
    def reason(self) -> str:
        """Why it is in that state, in a sentence; empty where the state says it all."""
        if self.state == INTERRUPTED:
            return "no command drives it; the same `collectiverun run -f …` goes on where it stopped"
        for kind in _TELLING if self.state != "Failed" else ("Failed",):
            condition = self.status.condition(kind)
            if condition is not None and condition.message:
                return condition.message
        return ""

    def cpu_seconds(self, phase: str = "") -> float | None:
        """CPU time of a phase's processes over all attempts, of all phases if none is named; None: not known.

        On this machine as the command measured it when each ended, on a cluster as they report it.
        """
        if self.state_directory is not None:
            attempts = (one for one in self.attempts if phase in ("", one.phase))
            return _sum(attempt.cpu_seconds for attempt in attempts)
        return _sum(one.used_cpu_seconds or None for one in self._phases(phase))

    def gpu_seconds(self, phase: str = "") -> float | None:
        """GPUs that the phase's attempts were given, times the time they ran; None: none."""
        return _sum(one.gpu_seconds or None for one in self._phases(phase))

    def _phases(self, name: str) -> Iterator[PhaseStatus]:
        return (phase for phase in self.status.phases if name in ("", phase.name))

    def attempts_of(self, phase: str, member: str) -> list[AttemptRecord]:
        """The attempts of a member, in their order."""
        found = [attempt for attempt in self.attempts if (attempt.phase, attempt.member) == (phase, member)]
        return sorted(found, key=lambda attempt: attempt.number)


def _sum(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
