"""What the controller keeps of a run, and when it reads it again."""

from __future__ import annotations

import pytest
from unit_operator.builders import a_body

from collectiverun_operator.api.run import StoredRun
from collectiverun_operator.controller.tracked_run import TrackedRun


def stored(version):
    body = a_body()
    return StoredRun.read(body | {"metadata": body["metadata"] | {"resourceVersion": version}})


def left(version, *seen):
    tracked = TrackedRun("uid")
    for earlier in seen:
        tracked.see(earlier)
    tracked.keep(stored(version))
    return tracked


def test_a_run_is_kept_as_it_was_left():
    tracked = left("10", "9")
    assert tracked.newest().version == "10"


@pytest.mark.parametrize("version", ["10", "9"])
def test_the_event_of_ones_own_write_and_late_ones_are_no_news(version):
    tracked = left("10")
    assert not tracked.see(version)
    assert tracked.newest() is not None


@pytest.mark.parametrize("version", ["11", "100", "not-a-number"])
def test_what_somebody_else_wrote_is_read_again(version):
    tracked = left("10")
    assert tracked.see(version)
    assert tracked.newest() is None


def test_a_change_that_was_heard_of_while_the_run_was_written_is_not_forgotten():
    assert left("10", "11").newest() is None


def test_nothing_is_kept_before_the_first_reconcile():
    tracked = TrackedRun("uid")
    assert tracked.see("1")
    assert tracked.newest() is None
