"""A new retry token re-opens a failed run where it failed, once."""

from support.run_bodies import tasks
from unit_operator.builders import ended
from unit_operator.story import Story


def failed(**policy):
    story = Story(tasks=tasks("reach", "push"), runPolicy={"retries": {"application": 1}} | policy).settle()
    story.start()
    story.cluster.succeed(story.pods("Running")[0])
    story.settle()
    story.fail(ended(1)).wait(100).fail(ended(1))
    assert story.status["state"] == "Failed"
    return story


def test_a_new_token_gives_the_failed_member_its_budgets_back_and_goes_on():
    story = failed().change(retryToken="again")
    assert (story.status["state"], story.status["retryToken"]) == ("Pending", "again")
    assert story.member(1) == {
        "name": "push-v3-sawyer",
        "state": "Pending",
        "attempt": 3,
        "jobUid": story.member(1)["jobUid"],
        "podUid": story.member(1)["podUid"],
        "avoidedNode": "node-1",
    }
    assert "completionTime" not in story.status
    assert story.finish().status["state"] == "Complete"


def test_a_finished_member_stays_finished():
    story = failed()
    before = story.member(0)
    assert story.change(retryToken="again").member(0) == before


def test_the_same_token_is_acted_on_once():
    story = failed().change(retryToken="again")
    story.fail(ended(3))
    assert story.wait(1000).status["state"] == "Failed"


def test_a_token_there_from_the_start_retries_nothing():
    story = Story(retryToken="first").settle().fail(ended(3))
    assert story.status["state"] == "Failed"


def test_a_token_given_while_all_is_well_is_not_saved_for_later():
    story = Story().settle().change(retryToken="early").fail(ended(3))
    assert story.status["state"] == "Failed"


def test_a_token_given_while_the_others_are_being_stopped_counts():
    story = Story(tasks=tasks("reach", "push")).settle().fail(ended(3))
    assert story.condition("Failed") == ("False", "StoppingOthers")
    story.change(retryToken="again")
    assert (story.member(0)["state"], story.member(0)["attempt"]) == ("Pending", 2)
    story.cluster.end(story.pods("Running")[0], ended(143))
    story.cluster.control(story.now)
    assert story.settle().finish().status["state"] == "Complete"


def test_taking_a_token_away_retries_nothing():
    story = failed().change(retryToken="again").fail(ended(3))
    assert story.change(retryToken="").status["state"] == "Failed"


def test_a_run_that_was_too_slow_gets_its_time_back():
    story = Story(runPolicy={"activeDeadlineSeconds": 100}).settle().start().wait(100)
    story.cluster.end(story.pods("Running")[0], ended(143))
    story.cluster.control(story.now)
    assert story.settle().status["state"] == "Failed"
    story.change(retryToken="again")
    assert (story.status["activeSeconds"], story.member()["attempt"]) == (0, 2)
    assert story.wait(99).status["state"] == "Pending"


def test_a_complete_run_is_never_opened_again():
    story = Story().settle().finish()
    jobs = len(story.cluster.created)
    story.change(retryToken="again")
    assert (story.status["state"], len(story.cluster.created)) == ("Complete", jobs)
