"""`collectiverun logs`: what the attempts of a run wrote, on this machine; and whose log is meant."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collectiverun_operator.cli.exit_codes import NotThereError, UnknownRunError
from collectiverun_operator.cli.records import AttemptRecord, RunRecord
from collectiverun_operator.cli.snapshot import member_name
from collectiverun_operator.cluster.local.state_dir import log_path

POLL_SECONDS = 0.3
_ENDINGS = ("jsonl", "log")  # standard output, then standard error: warnings are in both


def chosen_attempts(run: RunRecord, member: str | None, number: int | None) -> list[AttemptRecord]:
    """The attempts meant: of `<phase>`, `<member>` or `<phase>/<member>`, the last of each unless numbered.

    Raises UnknownRunError if the run has no such member, NotThereError if none has begun.
    """
    wanted = [(phase, one.name) for phase, one in run.status.members() if _is_meant(member, phase, one.name)]
    if not wanted:
        names = ", ".join(member_name(phase, one.name) for phase, one in run.status.members())
        raise UnknownRunError(f"{run.title} has no phase or member {member!r}; it has {names or 'none yet'}")
    found = []
    for phase, name in wanted:
        attempts = [one for one in run.attempts_of(phase, name) if number in (None, one.number)]
        found += attempts[-1:]
    if not found:
        whose = member or "any member"
        which = whose if number is None else f"attempt {number} of {whose}"
        raise NotThereError(f"{run.title} has nothing of {which} to show: {_why_none(run, wanted, number)}")
    return found


def _why_none(run: RunRecord, wanted: Sequence[tuple[str, str]], number: int | None) -> str:
    was_there = any(
        one.state == "Succeeded" and (number or 1) <= one.attempt
        for phase, one in run.status.members()
        if (phase, one.name) in wanted
    )
    if was_there and run.state_directory is None:
        return (
            "on a cluster the Jobs of a phase that is done are deleted, and their logs with them;"
            " runPolicy.cleanup.succeededJobs: Retain keeps those of a next run"
        )
    return "no such attempt has begun, or it is gone"


def _is_meant(wanted: str | None, phase: str, member: str) -> bool:
    return wanted in (None, phase, member, f"{phase}/{member}")


def heading(attempt: AttemptRecord) -> str:
    """What stands above an attempt's lines, where several are shown."""
    return f"==> {member_name(attempt.phase, attempt.member)}, attempt {attempt.number} <=="


@dataclass
class LogFiles:
    """The files of one attempt on this machine, read from where they were read to."""

    run: RunRecord
    attempt: AttemptRecord
    _at: dict[str, int] = field(default_factory=dict)
    _rest: dict[str, bytes] = field(default_factory=dict)

    def new_lines(self) -> Iterator[bytes]:
        """Whole lines that were written since the last call."""
        for ending in _ENDINGS:
            path = self._path(ending)
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(self._at.get(ending, 0))
                content = self._rest.get(ending, b"") + file.read()
                self._at[ending] = file.tell()
            *lines, self._rest[ending] = content.split(b"\n")
            yield from lines

    def last_words(self) -> Iterator[bytes]:
        """Lines that were never ended."""
        yield from (rest for rest in self._rest.values() if rest)

    def _path(self, ending: str) -> Path:
        folder, one = self.run.state_directory or Path(), self.attempt
        return log_path(folder, one.phase, one.member, one.number, ending)


def show_files(
    run: RunRecord,
    attempts: Sequence[AttemptRecord],
    show: Callable[[AttemptRecord, bytes], None],
    still_running: Callable[[], bool] | None,
) -> None:
    """Show what attempts wrote; with `still_running` go on with what they write until it says no."""
    files = [LogFiles(run, attempt) for attempt in attempts]
    goes_on = True
    while goes_on:
        goes_on = still_running is not None and still_running()
        for file in files:
            for line in file.new_lines():
                show(file.attempt, line)
        if goes_on:
            time.sleep(POLL_SECONDS)
    for file in files:
        for line in file.last_words():
            show(file.attempt, line)
