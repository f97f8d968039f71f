"""What an attempt that failed teaches the next one: another node if there is one, and more memory."""

import pytest
from unit_operator.builders import disrupted, ended, trainer_of
from unit_operator.story import Story

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.api.run import parse_run
from collectiverun_operator.plan.events import transitions

OUT_OF_MEMORY = ended(137, reason="OOMKilled")
NO_WAIT = {"backoffSeconds": 0, "application": 9}


def with_memory(factor=1.0, **resources):
    phases = {"experts": {"resources": resources}}
    return Story(phases=phases, runPolicy={"retries": NO_WAIT | {"memoryFactor": factor}}).settle()


def newest(story):
    return list(story.cluster.jobs.values())[-1]


def avoided(job):
    affinity = job["spec"]["template"]["spec"].get("affinity", {}).get("nodeAffinity", {})
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution", [])
    return [term["preference"] for term in terms]


def test_the_next_attempt_prefers_another_node_and_says_so():
    story = with_memory()
    assert avoided(newest(story)) == []
    before = parse_run(story.body, story.platform).status
    story.fail(ended(137, **disrupted("DeletionByTaintManager")))
    other = {"key": "metadata.name", "operator": "NotIn", "values": ["node-1"]}
    assert avoided(newest(story)) == [{"matchFields": [other]}]
    told = [event.message for event in transitions(before, parse_run(story.body, story.platform).status)]
    assert any(message.endswith("; if possible on another node than node-1") for message in told)


def test_preferences_of_the_users_stay():
    mine = {"weight": 1, "preference": {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [mine]}}
    story = Story(podTemplate={"spec": {"affinity": affinity}}, runPolicy={"retries": NO_WAIT}).settle()
    story.fail(ended(1))
    preferences = avoided(newest(story))
    assert preferences[0] == mine["preference"]
    assert len(preferences) == 2
    story.fail(ended(1))
    assert len(avoided(newest(story))) == 2


def test_a_node_that_served_is_forgotten():
    story = with_memory().fail(ended(1)).succeed()
    assert "avoidedNode" not in story.member()
    assert avoided(newest(story)) == []


def test_memory_stays_as_it_is_unless_more_is_asked_for():
    resources = {"limits": {"memory": "2Gi"}}
    story = with_memory(**resources).fail(OUT_OF_MEMORY)
    assert trainer_of(newest(story))["resources"] == resources
    assert "memoryFactor" not in story.member()


def test_out_of_memory_the_next_attempt_has_more_up_to_a_bound():
    story = with_memory(1.5, limits={"memory": "2Gi", "cpu": 2}, requests={"memory": "1G"})
    for factor in (1.5, 2.25, 3.375, 4, 4):
        story.fail(OUT_OF_MEMORY)
        assert story.member()["memoryFactor"] == factor
    resources = trainer_of(newest(story))["resources"]
    assert resources == {"limits": {"memory": "8192Mi", "cpu": 2}, "requests": {"memory": "3814Mi"}}


def reporting(**resources):
    """A run whose trainer has said how much memory it has needed."""
    story = with_memory(**resources).start()
    said = Progress(env_steps=1200, peak_memory_bytes=2_072_345_678)
    story.cluster.progress = {name: said.after(None, story.now) for name in story.cluster.jobs}
    story.settle()
    assert story.member()["peakMemoryBytes"] == 2_072_345_678
    story.cluster.progress = {}  # the log of a container that has ended is not read
    return story


def test_out_of_memory_the_peak_that_was_reported_last_is_told_beside_the_limit():
    story = reporting(limits={"memory": "2Gi"}).fail(OUT_OF_MEMORY)
    assert story.status["lastFailure"]["message"] == (
        "the container needed more than its memory limit of 2Gi; raise resources.limits.memory;"
        " it last reported a peak of 1.93 GiB, at env step 1200"
    )
    assert "peakMemoryBytes" not in story.start().member()  # of the next attempt nothing is known yet


def test_another_failure_tells_no_peak():
    assert "peak" not in reporting().fail(ended(1)).status["lastFailure"]["message"]


@pytest.mark.parametrize("status", [ended(1), ended(5), ended(137)])
def test_other_failures_change_no_memory(status):
    story = with_memory(2, limits={"memory": "2Gi"}).fail(status)
    assert trainer_of(newest(story))["resources"] == {"limits": {"memory": "2Gi"}}


def test_what_needed_more_once_has_it_from_then_on_also_after_another_failure():
    story = with_memory(2, limits={"memory": "2Gi"}).fail(OUT_OF_MEMORY).fail(ended(1))
    assert trainer_of(newest(story))["resources"] == {"limits": {"memory": "4096Mi"}}
