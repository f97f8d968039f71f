"""Two budgets, one back-off, and what is never tried again."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import disrupted, ended
from unit_operator.story import Story

from collectiverun_operator.api.spec import Retries
from collectiverun_operator.plan.retries import backoff_seconds

PREEMPTED = ended(143, **disrupted("PreemptionByScheduler"))


def story_with(tasks_=("reach",), **retries):
    return Story(tasks=tasks(*tasks_), runPolicy={"retries": {"backoffSeconds": 10} | retries}).settle()


def spent(story, index=0):
    member = story.member(index)
    return member.get("applicationRetries", 0), member.get("infrastructureRetries", 0)


@pytest.mark.parametrize(
    ("ending", "after"),
    [
        pytest.param(ended(1), (1, 0), id="a crash"),
        pytest.param(ended(137, reason="OOMKilled"), (1, 0), id="out of memory"),
        pytest.param(PREEMPTED, (0, 1), id="preemption"),
        pytest.param(ended(5), (0, 1), id="storage away"),
        pytest.param(ended(143), (0, 1), id="stopped by somebody"),
    ],
)
def test_a_failure_spends_its_own_budget(ending, after):
    story = story_with().fail(ending)
    assert spent(story) == after
    assert story.member()["state"] == "Waiting"


@pytest.mark.parametrize("code", [3, 4])
def test_what_is_wrong_itself_fails_at_once_and_spends_nothing(code):
    story = story_with().fail(ended(code))
    assert spent(story) == (0, 0)
    assert (story.member()["state"], story.status["state"]) == ("Failed", "Failed")


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_the_application_budget_is_how_often_it_is_tried_again(budget):
    story = story_with(application=budget)
    for _ in range(budget):
        story.fail(ended(1)).wait(1000)
    assert story.status["state"] == "Pending"
    story.fail(ended(1))
    assert (story.status["state"], story.member()["attempt"]) == ("Failed", budget + 1)


def test_thirty_preemptions_spend_no_application_retry():
    story = story_with(application=0, infrastructure=30)
    for _ in range(30):
        story.fail(PREEMPTED).wait(1000)
    assert spent(story) == (0, 30)
    assert story.finish().status["state"] == "Complete"


def test_budgets_count_per_member():
    story = story_with(("reach", "push"), application=1)
    story.fail(ended(1), count=2).wait(1000)
    assert (spent(story, 0), spent(story, 1)) == ((1, 0), (1, 0))
    assert story.status["retries"] == 2
    assert story.finish().status["state"] == "Complete"


@pytest.mark.parametrize(
    ("count", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (1000, 600)]
)
def test_the_wait_doubles_up_to_its_limit(count, seconds):
    assert backoff_seconds(Retries(), count) == seconds


def test_a_limit_below_the_first_wait_wins():
    assert backoff_seconds(Retries(backoff_seconds=50, max_backoff_seconds=5), 1) == 5


def test_the_next_attempt_begins_after_the_wait_and_not_before():
    story = story_with().fail(ended(1))
    assert story.member()["nextAttemptTime"] == "2026-01-31T12:00:10Z"
    assert story.plan().requeue_after_seconds == 10
    story.wait(9)
    assert story.member()["attempt"] == 1
    story.wait(1)
    assert story.member()["attempt"] == 2
    assert "nextAttemptTime" not in story.member()


def test_the_last_failure_tells_what_when_and_where():
    failure = story_with().fail(ended(1, "loss is nan")).status["lastFailure"]
    assert failure == {
        "phase": "experts",
        "member": "reach-v3-sawyer",
        "attempt": 1,
        "kind": "application",
        "reason": "Error",
        "exitCode": 1,
        "node": "node-1",
        "pod": failure["pod"],
        "message": "loss is nan",
        "time": "2026-01-31T12:00:00Z",
    }


def test_when_a_member_fails_for_good_its_siblings_are_stopped_and_the_rest_never_starts():
    phases = {"experts": {"parallelism": 2}}
    story = Story(tasks=tasks("reach", "push", "door-open"), phases=phases).settle().fail(ended(3))
    sibling = story.member(1)
    assert (sibling["state"], story.member(2)["attempt"]) == ("Stopping", 0)
    assert story.condition("Failed") == ("False", "StoppingOthers")
    story.cluster.end(story.pods("Running")[0], ended(143))
    story.cluster.control(story.now)
    story.settle()
    assert (story.status["state"], story.condition("Failed")) == ("Failed", ("True", "MemberFailed"))
    assert (story.member(1)["state"], spent(story, 1)) == ("Waiting", (0, 0))


def test_the_failure_that_ends_the_run_is_the_one_told():
    story = story_with(("reach", "push")).start()
    first, second = story.pods("Running")
    story.cluster.end(first, ended(3, "bad value"))
    story.cluster.end(second, ended(1, "crash"))
    story.settle()
    told = next(found for found in story.status["conditions"] if found["type"] == "Failed")
    assert told["message"] == (
        "phase experts, member reach-v3-sawyer, attempt 1: InvalidConfiguration: bad value"
    )


def test_a_deadline_that_passes_while_others_are_stopped_is_not_the_reason():
    policy = {"activeDeadlineSeconds": 100}
    story = Story(tasks=tasks("reach", "push"), runPolicy=policy).settle().fail(ended(3)).wait(200)
    story.cluster.end(story.pods("Running")[0], ended(143))
    story.cluster.control(story.now)
    assert story.settle().condition("Failed") == ("True", "MemberFailed")


def test_a_sibling_that_finishes_while_it_is_stopped_has_finished():
    story = story_with(("reach", "push")).fail(ended(3))
    story.cluster.succeed(story.pods("Running")[0])
    story.settle()
    # Its Pod went with it: the artifact is found by the next attempt.
    assert story.status["state"] == "Failed"
    assert story.member(1)["state"] == "Waiting"
