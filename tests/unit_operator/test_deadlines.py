"""The active deadline on the run's own clock, and the pending deadline of each Pod."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story, deleted


def late(seconds=100, **spec):
    return Story(runPolicy={"activeDeadlineSeconds": seconds}, **spec).settle()


def stop_running(story):
    for uid in story.pods("Running"):
        story.cluster.end(uid, ended(143))
    story.cluster.control(story.now)
    return story.settle()


def test_without_deadlines_a_run_takes_as_long_as_it_takes():
    story = Story().settle().wait(10_000_000)
    assert (story.status["state"], story.plan().requeue_after_seconds) == ("Pending", None)


def test_the_active_deadline_stops_what_runs_and_fails_the_run():
    story = late().start().wait(99)
    assert (story.status["state"], story.plan().requeue_after_seconds) == ("Running", 1)
    story.wait(1)
    assert story.member()["state"] == "Stopping"
    stop_running(story)
    assert story.condition("Failed") == ("True", "DeadlineExceeded")
    failure = story.status["lastFailure"]
    assert (failure["kind"], failure["time"]) == ("deadline", "2026-01-31T12:01:40Z")
    assert story.status["activeSeconds"] == 100


def test_suspended_time_does_not_count():
    story = late().start().wait(60).change(suspend=True)
    stop_running(story).wait(1000)
    assert (story.status["state"], story.status["activeSeconds"]) == ("Suspended", 60)
    story.change(suspend=False).start().wait(39)
    assert story.status["state"] == "Running"
    assert story.wait(1).member()["state"] == "Stopping"


def test_time_in_the_queue_does_not_count():
    story = Story(runPolicy={"activeDeadlineSeconds": 100})
    story.cluster.holds_new_jobs = True
    story.settle().wait(1000)
    assert (story.status["state"], story.status["activeSeconds"]) == ("Queued", 0)


def test_the_clock_is_written_at_transitions_only():
    story = late(1000).start()
    before = story.status
    assert story.wait(500).status == before


def test_a_longer_deadline_helps_in_time():
    story = late().start().wait(50).change(runPolicy={"activeDeadlineSeconds": 200}).wait(149)
    assert story.status["state"] == "Running"
    assert story.wait(1).member()["state"] == "Stopping"


def test_a_complete_run_can_no_longer_be_late():
    story = late(100).finish().wait(1000)
    assert story.status["state"] == "Complete"


PENDING = {"pendingDeadlineSeconds": 60}


def test_a_pod_that_does_not_start_fails_the_run_and_says_what_it_waits_for():
    story = Story(runPolicy=PENDING).settle()
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    story.cluster.pods[story.pods("Pending")[0]]["status"] = {
        "phase": "Pending",
        "containerStatuses": [{"name": "trainer", "state": waiting}],
    }
    assert story.plan().requeue_after_seconds == 60
    planned = story.wait(59).plan()
    assert planned.actions == ()
    story.wait(1)
    assert story.cluster.jobs == {}
    assert (story.status["state"], story.condition("Failed")) == (
        "Failed",
        ("True", "PendingDeadlineExceeded"),
    )
    assert story.status["lastFailure"]["message"].endswith("60: ImagePullBackOff: no such image")
    assert story.status["retries"] == 0


def test_the_pending_deadline_counts_per_attempt():
    story = Story(runPolicy=PENDING | {"retries": {"backoffSeconds": 0}}).settle().wait(50)
    story.fail(ended(1))
    assert story.member()["attempt"] == 2
    assert story.wait(59).status["state"] == "Pending"
    assert story.wait(1).status["state"] == "Failed"


def test_a_running_pod_is_not_late():
    assert Story(runPolicy=PENDING).settle().start().wait(1000).status["state"] == "Running"


def test_a_job_the_queue_holds_is_not_late():
    story = Story(runPolicy=PENDING)
    story.cluster.holds_new_jobs = True
    assert story.settle().wait(1000).status["state"] == "Queued"


@pytest.mark.parametrize("second_runs", [True, False])
def test_the_siblings_of_a_late_member_are_stopped(second_runs):
    story = Story(tasks=tasks("reach", "push"), runPolicy=PENDING).settle()
    if second_runs:
        story.cluster.start(story.pods("Pending")[1])
    story.now = story.now.replace(minute=2)
    planned = story.plan()
    assert len(deleted(planned)) == 2
    story.settle()
    stop_running(story)
    assert story.status["state"] == "Failed"
