"""Suspending stops at a checkpoint and spends nothing; resuming goes on where it was."""

from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story, created, deleted


def stop_running(story):
    for uid in story.pods("Running"):
        story.cluster.end(uid, ended(143))
    story.cluster.control(story.now)
    return story.settle()


def test_suspending_deletes_the_live_jobs_and_is_over_when_no_pod_is_left():
    story = Story(tasks=tasks("reach", "push")).settle().start()
    story.body["spec"]["suspend"] = True
    assert len(deleted(story.plan())) == 2
    story.settle()
    assert (story.status["state"], story.condition("Suspended")) == ("Suspending", ("False", "Suspending"))
    stop_running(story)
    assert (story.status["state"], story.condition("Suspended")) == ("Suspended", ("True", "Requested"))
    assert story.phase("experts")["state"] == "Suspended"
    assert story.status["retries"] == 0


def test_resuming_makes_new_attempts_of_what_was_not_finished():
    story = Story(tasks=tasks("reach", "push")).settle().start()
    story.cluster.succeed(story.pods("Running")[0])
    story.settle().change(suspend=True)
    stop_running(story)
    story.change(suspend=False)
    assert (story.member(0)["attempt"], story.member(1)["attempt"]) == (1, 2)
    assert (story.status["state"], story.status["retries"]) == ("Pending", 0)
    assert story.finish().status["state"] == "Complete"


def test_nothing_is_created_while_suspended():
    story = Story(suspend=True)
    assert created(story.plan()) == []
    assert story.settle().status["state"] == "Suspended"
    assert story.wait(1000).cluster.created == []
    assert len(story.change(suspend=False).cluster.created) == 1


def test_an_attempt_recorded_but_not_made_is_given_up():
    story = Story()
    story.body["status"] = story.planned_status()  # and then the operator died
    story.change(suspend=True)
    assert (story.status["state"], story.cluster.created) == ("Suspended", [])
    story.change(suspend=False)
    assert [name[-2:] for name in story.cluster.created] == ["-2"]


def test_resuming_before_all_has_stopped_waits_for_it():
    story = Story().settle().start().change(suspend=True).change(suspend=False)
    assert (story.member()["state"], len(story.cluster.created)) == ("Stopping", 1)
    stop_running(story)
    assert story.cluster.created[1].endswith("-2")


def test_a_member_that_finishes_while_it_is_stopped_is_finished():
    story = Story().settle().start()
    uid = story.pods("Running")[0]
    story.change(suspend=True)
    pod = story.cluster.pods[uid]
    story.cluster.succeed(uid)
    other = Story().settle().start()
    other.cluster.succeed(other.pods("Running")[0])
    status = other.cluster.pods[other.pods("Succeeded")[0]]["status"]
    story.cluster.pods[uid] = pod | {"status": status}
    story.round()
    assert story.member()["state"] == "Succeeded"


def test_a_job_the_queue_holds_is_deleted_too():
    story = Story()
    story.cluster.holds_new_jobs = True
    story.settle().change(suspend=True)
    assert (story.status["state"], story.cluster.jobs) == ("Suspended", {})


def test_the_wait_after_a_failure_does_not_outlast_a_suspension():
    story = Story().settle().fail(ended(1)).change(suspend=True)
    assert story.status["state"] == "Suspended"
    story.change(suspend=False)
    assert story.member()["attempt"] == 1
    assert story.wait(10).member()["attempt"] == 2


def test_suspending_between_two_phases_holds_the_next_one_back():
    story = Story().settle().start()
    story.body["spec"]["suspend"] = True
    story.cluster.succeed(story.pods("Running")[0])
    story.settle()
    assert (story.member()["state"], story.status["state"]) == ("Succeeded", "Suspended")
    assert story.member(phase="trajectoryTransformer")["attempt"] == 0
