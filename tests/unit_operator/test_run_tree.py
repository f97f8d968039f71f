"""The tree that `collectiverun status` shows: what each phase took, also where its attempts are gone."""

import io

from rich.console import Console

from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.cli.records import AttemptRecord, RunRecord
from collectiverun_operator.cli.run_tree import status_lines

MEMBERS = ("reach-v3-sawyer", "push-v3-sawyer")


def took(*attempts):
    """The column `took` of phase experts, which began at 12:00 and was done at 12:10, and of all."""
    members = [{"name": name, "state": "Succeeded", "attempt": 1} for name in MEMBERS]
    times = {"startTime": "2026-01-01T12:00:00Z", "completionTime": "2026-01-01T12:10:00Z"}
    phase = {"name": "experts", "state": "Succeeded", "members": members, "usedCpuSeconds": 60, **times}
    run = RunRecord("default", "a", "u", RunStatus.model_validate({"phases": [phase]}), attempts)
    console = Console(file=io.StringIO(), width=200)
    for line in status_lines(run):
        console.print(line)
    rows = [line.split() for line in console.file.getvalue().splitlines()]
    return next(row[2] for row in rows if row[:1] == ["experts"]), next(
        r[1] for r in rows if r[:1] == ["all"]
    )


def attempt(member, started, ended):
    return AttemptRecord("experts", member, 1, "Succeeded", started=started, ended=ended)


def test_a_phase_takes_the_time_in_which_its_attempts_ran():
    assert took(attempt(MEMBERS[0], 10.0, 60.0), attempt(MEMBERS[1], 30.0, 100.0)) == ("1:30", "1:30")


def test_of_a_phase_whose_jobs_are_gone_it_is_from_its_begin_to_its_end():
    assert took() == took(attempt(MEMBERS[1], 30.0, 90.0)) == ("10:00", "10:00")
