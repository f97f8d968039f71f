"""Which attempts `collectiverun logs` means, and why there are none."""

from pathlib import Path

import pytest

from collectiverun_operator.api.status import RunStatus
from collectiverun_operator.cli.exit_codes import NotThereError, UnknownRunError
from collectiverun_operator.cli.logs import chosen_attempts
from collectiverun_operator.cli.records import AttemptRecord, RunRecord

MEMBERS = [
    {"name": "reach-v3-sawyer", "state": "Succeeded", "attempt": 2},
    {"name": "push-v3-sawyer", "state": "Waiting"},
]


def a_run(*numbers, **where):
    status = RunStatus.model_validate({"phases": [{"name": "experts", "members": MEMBERS}]})
    attempts = [AttemptRecord("experts", "reach-v3-sawyer", number, "Succeeded") for number in numbers]
    return RunRecord("default", "a", "u", status, tuple(attempts), **where)


@pytest.mark.parametrize("member", [None, "experts", "reach-v3-sawyer", "experts/reach-v3-sawyer"])
def test_the_last_attempt_is_meant_unless_one_is_named(member):
    assert [one.number for one in chosen_attempts(a_run(1, 2), member, None)] == [2]
    assert [one.number for one in chosen_attempts(a_run(1, 2), member, 1)] == [1]


def test_jobs_that_a_cluster_has_deleted_are_told_with_what_keeps_them():
    with pytest.raises(NotThereError, match=r"runPolicy\.cleanup\.succeededJobs: Retain keeps those of"):
        chosen_attempts(a_run(), "experts", None)
    with pytest.raises(NotThereError, match=r"nothing of attempt 2 of experts to show: on a cluster"):
        chosen_attempts(a_run(), "experts", 2)
    with pytest.raises(NotThereError, match="nothing of attempt 3 of experts to show: no such attempt"):
        chosen_attempts(a_run(), "experts", 3)


@pytest.mark.parametrize(
    ("run", "member"), [(a_run(), "push-v3-sawyer"), (a_run(state_directory=Path("/u")), "reach-v3-sawyer")]
)
def test_what_has_not_begun_or_is_gone_is_told(run, member):
    with pytest.raises(NotThereError, match=f"nothing of {member} to show: no such attempt has begun, or it"):
        chosen_attempts(run, member, None)


def test_a_member_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(UnknownRunError, match="no phase or member 'pull'; it has experts/reach-v3-sawyer, "):
        chosen_attempts(a_run(1), "pull", None)
