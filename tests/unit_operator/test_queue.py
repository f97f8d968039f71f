"""A queue holds Jobs and takes places back: the same attempt waits and goes on, and nothing is spent."""

from datetime import timedelta

import pytest
from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story, created, deleted

from collectiverun_operator.api.outcome import Holdup, QueuePosition
from collectiverun_operator.api.run import parse_run
from collectiverun_operator.formatting import format_time
from collectiverun_operator.plan.events import transitions
from collectiverun_operator.plan.plan import RelabelJob
from collectiverun_operator.plan.waiting import WAITING_SECONDS, Wait, first_position, position_sentence

NO_ROOM = "insufficient unused quota for pods in flavor lab, 1 more needed"
PREEMPTED = Holdup("WaitingForQuota", NO_ROOM, "Preempted")
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"


def queued(*names, **spec):
    """A run whose Jobs a queue holds."""
    story = Story(tasks=tasks(*(names or ("reach",))), **spec)
    story.cluster.holds_new_jobs = True
    return story.settle()


def running(*names, **spec):
    """The same, admitted and at work."""
    story = queued(*names, **spec)
    admit(story)
    return story.start()


def admit(story, *names):
    for name in names or list(story.cluster.jobs):
        story.cluster.admit(name)
    story.cluster.control(story.now)
    story.settle()


def evict(story, name=None, holdup=PREEMPTED):
    name = name or next(iter(story.cluster.jobs))
    story.cluster.holdups = {name: holdup}
    story.cluster.evict(name, story.now)
    story.settle()
    return name


def end_terminating_pods(story, status):
    for uid in [uid for uid, pod in story.cluster.pods.items() if "deletionTimestamp" in pod["metadata"]]:
        story.cluster.end(uid, status)
    story.cluster.control(story.now)
    story.settle()


def test_an_evicted_attempt_waits_and_goes_on_as_the_same_attempt_of_the_same_job():
    story = running()
    before = story.member()
    evict(story)
    assert (story.member()["state"], story.status["state"]) == ("Queued", "Queued")
    end_terminating_pods(story, ended(143))
    story.wait(60)
    assert story.plan().actions == ()
    admit(story)
    story.wait(1).start()
    after = story.member()
    assert (after["state"], after["attempt"], after["jobUid"]) == ("Running", 1, before["jobUid"])
    assert after["podUid"] != before["podUid"]
    assert (after.get("infrastructureRetries", 0), after.get("applicationRetries", 0)) == (0, 0)
    story.cluster.holds_new_jobs = False
    assert story.finish().status["state"] == "Complete"
    assert story.status["retries"] == 0


def test_thirty_evictions_spend_nothing_though_three_retries_are_all_there_are():
    story = running(runPolicy={"retries": {"infrastructure": 3}})
    for _ in range(30):
        evict(story)
        end_terminating_pods(story, ended(143))
        story.wait(5)
        admit(story)
        story.wait(5).start()
    assert (story.member()["attempt"], story.status["retries"]) == (1, 0)


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_however_the_evicted_pod_ends_it_is_no_failure(code):
    story = running()
    evict(story)
    end_terminating_pods(story, ended(code))
    assert (story.member()["state"], story.member()["attempt"]) == ("Queued", 1)
    assert deleted(story.plan()) == [] and created(story.plan()) == []


def test_an_evicted_pod_that_published_in_time_has_succeeded():
    story = running()
    (uid,) = story.pods("Running")
    job = next(iter(story.cluster.jobs))
    story.cluster.evict(job, story.now)
    pod = story.cluster.pods[uid]
    story.cluster.succeed(uid)
    story.cluster.pods[uid] = pod  # its last words are seen before it goes
    story.settle()
    assert story.member()["state"] == "Succeeded"


def test_admitted_again_before_the_old_pod_has_gone_the_old_pod_is_not_the_attempts():
    story = running()
    name = evict(story)
    story.wait(2)
    story.cluster.admit(name)
    story.cluster.control(story.now)
    story.settle()
    assert (story.member()["state"], story.member()["attempt"]) == ("Pending", 1)
    end_terminating_pods(story, ended(143))
    assert story.start().member()["state"] == "Running"
    assert story.status["retries"] == 0


def test_a_pod_that_is_older_than_the_start_of_its_resumed_job_is_the_attempts():
    """The controller makes the Pod and writes startTime after it, a second time where that met a conflict."""
    story = running()
    name = evict(story)
    end_terminating_pods(story, ended(143))
    story.cluster.admit(name)
    story.cluster.control(story.now)
    story.cluster.jobs[name]["status"]["startTime"] = format_time(story.now + timedelta(seconds=1))
    assert story.start().member()["state"] == "Running"
    story.fail(ended(1))
    assert story.member()["applicationRetries"] == 1


def test_a_pod_deleted_while_its_job_is_admitted_is_a_failure_as_ever():
    story = running()
    (uid,) = story.pods("Running")
    story.cluster.delete_pod(uid, story.now)
    story.settle()
    assert story.member()["infrastructureRetries"] == 1
    assert story.status["lastFailure"]["reason"] == "PodDeleted"


def test_a_failing_program_in_a_queue_spends_its_retry():
    story = running()
    story.cluster.holds_new_jobs = False
    story.fail(ended(1))
    assert story.member()["applicationRetries"] == 1


def test_the_eviction_is_told_with_the_queues_reason():
    story = running("reach", "push")
    first = next(iter(story.cluster.jobs))
    story.cluster.holdups = {first: PREEMPTED}
    story.cluster.evict(first, story.now)
    before = parse_run(story.body, story.platform).status
    (event,) = [e for e in transitions(before, story.plan().status) if e.reason == "MemberEvicted"]
    assert event.type == "Warning"
    assert "member reach-v3-sawyer, attempt 1" in event.message
    assert f"Preempted, {NO_ROOM}" in event.message
    story.settle()
    failure = story.status["lastFailure"]
    assert (failure["kind"], failure["reason"], failure["message"]) == ("stopped", "Preempted", NO_ROOM)


def test_why_a_run_is_queued_is_in_the_condition_in_the_queues_words():
    story = queued("reach", "push")
    first, second = story.cluster.jobs
    story.cluster.holdups = {first: Holdup("Inadmissible", "LocalQueue nowhere doesn't exist")}
    story.cluster.holdups |= {second: story.cluster.holdups[first]}
    story.settle()
    assert story.condition("Queued") == ("True", "Inadmissible")
    message = story.message("Queued")
    assert message == "every Job of the run is held by the queue: 2 members: LocalQueue nowhere doesn't exist"


@pytest.mark.parametrize(("is_passing", "seconds"), [(True, 2), (False, 20)])
def test_a_reason_that_is_about_to_change_is_looked_at_soon(is_passing, seconds):
    story = running()
    told = Holdup("WaitingForQuota", "the ClusterQueue is stopped", "Stopped", is_passing=is_passing)
    evict(story, holdup=told)
    end_terminating_pods(story, ended(143))
    assert story.plan().requeue_after_seconds == seconds


def test_a_run_that_is_partly_admitted_runs_and_says_what_waits():
    story = queued("reach", "push", "door-open")
    first, *others = story.cluster.jobs
    story.cluster.holdups = {name: Holdup("WaitingForQuota", NO_ROOM) for name in others}
    admit(story, first)
    story.start()
    assert (story.status["state"], story.condition("Queued")) == ("Running", ("False", "PartlyAdmitted"))
    assert story.message("Queued") == f"2 of 3 Jobs are held by the queue: 2 members: {NO_ROOM}"


def at(number):
    """A Job that is held at a position."""
    return Holdup("WaitingForQuota", NO_ROOM, position=QueuePosition(number, "lab"))


def told_position(number, told=None):
    """What is told of a run whose only Job is at a position, where `told` was told before."""
    position = first_position((Wait("experts", "reach-v3-sawyer", 1, "Queued", at(number)),), told)
    assert position is not None
    return position.number


def test_of_its_jobs_the_first_ones_position_is_told_while_the_queue_holds_them():
    story = queued("reach", "push")
    first, second = story.cluster.jobs
    story.cluster.holdups = {first: at(7), second: at(3)}
    assert story.settle().status["queuePosition"] == 3
    told = f"every Job of the run is held by the queue: 2 members: {NO_ROOM}; position 3 in LocalQueue lab"
    assert story.message("Queued") == told
    story.cluster.holdups = {}
    admit(story)
    assert "queuePosition" not in story.status


def test_a_position_that_is_not_told_is_not_there():
    story = queued()
    story.cluster.holdups = dict.fromkeys(story.cluster.jobs, Holdup("WaitingForQuota", NO_ROOM))
    assert "queuePosition" not in story.settle().status
    assert "position" not in story.message("Queued")


@pytest.mark.parametrize(
    ("told", "number", "shown"),
    [(None, 40, 40), (40, 34, 40), (40, 33, 33), (40, 48, 40), (40, 49, 49), (5, 4, 4), (4, 5, 5), (1, 2, 2)],
)
def test_a_position_far_back_is_rewritten_once_it_has_changed_by_more_than_a_fifth(told, number, shown):
    assert told_position(number, told) == shown


def test_when_the_head_of_a_queue_moves_few_of_the_runs_behind_it_are_written_again():
    told = {run: told_position(run) for run in range(1, 301)}
    written = 0
    for gone in range(1, 101):
        for run in range(gone + 1, 301):
            shown = told_position(run - gone, told[run])
            written += shown != told[run]
            told[run] = shown
    assert written < 100 * 25  # a tenth: each time there were 300 at first and 200 at last


def test_only_positions_at_the_front_are_told_as_exact():
    assert position_sentence(QueuePosition(4, "lab")) == "position 4 in LocalQueue lab"
    assert position_sentence(QueuePosition(5, "lab")) == "about position 5 in LocalQueue lab"


def test_the_time_in_a_queue_is_no_time_to_start():
    story = running(runPolicy={"pendingDeadlineSeconds": 60})
    evict(story)
    end_terminating_pods(story, ended(143))
    story.wait(3600)
    assert story.member()["state"] == "Queued"
    admit(story)
    assert story.wait(59).member()["state"] == "Pending"
    story.wait(2)
    assert story.status["lastFailure"]["reason"] == "PendingDeadlineExceeded"


def test_a_job_without_any_pod_is_late_too_and_says_why():
    story = Story(runPolicy={"pendingDeadlineSeconds": 60})
    story.cluster.refuses_pods = True
    (name,) = story.settle().cluster.jobs
    story.cluster.holdups = {name: Holdup("PodRefused", "its Pod is forbidden: exceeded quota: q")}
    story.settle()
    assert story.condition("Running") == ("False", "PodRefused")
    story.wait(61)
    assert story.status["lastFailure"]["message"].endswith("exceeded quota: q")
    assert story.status["retries"] == 0


def test_a_pod_whose_volume_is_missing_says_so_and_is_looked_at_again():
    missing = 'MountVolume.SetUp failed for volume "robot-my-arm" : configmap "my-arm" not found'
    story = Story(runPolicy={"pendingDeadlineSeconds": 60}).settle()
    (name,) = story.cluster.jobs
    (uid,) = story.pods("Pending")
    story.cluster.pods[uid]["status"] = {
        "phase": "Pending",
        "containerStatuses": [{"name": "trainer", "state": {"waiting": {"reason": "ContainerCreating"}}}],
    }
    assert story.settle().plan().requeue_after_seconds == WAITING_SECONDS
    story.cluster.holdups = {name: Holdup("FailedMount", missing)}
    story.settle()
    assert story.condition("Running") == ("False", "FailedMount")
    assert missing in story.message("Running")
    story.wait(61)
    assert story.status["lastFailure"]["message"].endswith('configmap "my-arm" not found')


def relabelled(story, **labels):
    story.body["metadata"]["labels"] = labels
    return [action for action in story.plan().actions if isinstance(action, RelabelJob)]


def test_a_changed_queue_reaches_the_jobs_that_wait_and_no_other():
    story = queued("reach", "push")
    first, second = story.cluster.jobs
    admit(story, first)
    (action,) = relabelled(story, **{QUEUE: "big", PRIORITY: "urgent"})
    assert (action.name, action.labels) == (second, {QUEUE: "big", PRIORITY: "urgent"})
    story.settle()
    assert relabelled(story, **{QUEUE: "big", PRIORITY: "urgent"}) == []


def test_a_label_that_the_run_lost_stays_with_its_jobs():
    story = queued()
    assert relabelled(story, **{QUEUE: "big"})
    story.settle()
    assert relabelled(story) == []


def test_a_suspended_run_gives_its_places_back():
    story = running()
    evict(story)
    story.change(suspend=True)
    assert story.status["state"] in ("Suspended", "Suspending")
    end_terminating_pods(story, ended(143))
    assert story.settle().status["state"] == "Suspended"
    assert story.cluster.live_jobs() == []
