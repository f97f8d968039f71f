"""What a run takes: requested cores and GPUs times the time of its containers, failed attempts apart."""

from datetime import timedelta

import pytest
from unit_operator.builders import NOON, ended
from unit_operator.story import Story

from collectiverun_operator.api.outcome import Progress
from collectiverun_operator.formatting import format_time
from collectiverun_operator.plan.costs import requested


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus"),
    [
        ({}, 1, 0),
        ({"limits": {"nvidia.com/gpu": 2}}, 1, 2),
        ({"requests": {"cpu": "1500m"}, "limits": {"cpu": 4}}, 1.5, 0),
        ({"limits": {"cpu": 4, "nvidia.com/mig-1g.10gb": 1, "amd.com/gpu": "1"}}, 4, 2),
        ({"claims": [{"name": "gpu"}]}, 1, 0),
    ],
)
def test_what_resources_amount_to(resources, cpus, gpus):
    found = requested(resources)
    assert (float(found.cpus), float(found.gpus)) == (cpus, gpus)


def at_work(**policy):
    resources = {"limits": {"cpu": 3, "nvidia.com/gpu": 1}}
    policy = {"retries": {"backoffSeconds": 0}} | policy
    return Story(phases={"experts": {"resources": resources}}, runPolicy=policy).settle().start()


def costs(story):
    phase = story.phase("experts")
    names = ("cpuSeconds", "gpuSeconds", "failedCpuSeconds", "failedGpuSeconds")
    return tuple(phase.get(name, 0) for name in names)


def end(story, status, seconds):
    """The container ends so many seconds after its start, at NOON; the operator hears a minute later."""
    state = status["containerStatuses"][0]["state"]["terminated"]
    moments = {"startedAt": format_time(NOON), "finishedAt": format_time(NOON + timedelta(seconds=seconds))}
    state |= moments
    (uid,) = story.pods("Running")
    story.cluster.end(uid, status)
    story.cluster.control(story.now)
    return story.wait(seconds + 60)


def test_a_member_that_succeeded_took_its_request_times_its_time():
    story = at_work()
    story.now += timedelta(seconds=100)
    story.succeed()
    assert costs(story) == (300, 100, 0, 0)


def test_what_failed_attempts_took_is_counted_apart_and_to_their_end():
    story = end(at_work(), ended(1), seconds=40)
    assert costs(story) == (120, 40, 120, 40)


def test_an_eviction_is_counted_once_and_is_no_failure():
    story = at_work()
    story.wait(100)
    (name,) = story.cluster.jobs
    story.cluster.evict(name, story.now)
    story.settle()
    assert costs(story) == (300, 100, 0, 0)
    story.wait(1000)
    assert costs(story) == (300, 100, 0, 0)


def test_a_suspended_run_took_what_it_took_and_takes_nothing_more():
    story = at_work()
    story.wait(100).change(suspend=True)
    (uid,) = story.pods("Running")
    story.wait(10)
    story.cluster.end(uid, ended(143))
    story.cluster.control(story.now)
    story.settle()
    assert story.status["state"] == "Suspended"
    assert costs(story) == (330, 110, 0, 0)
    assert story.wait(1000) and costs(story) == (330, 110, 0, 0)


def test_a_pod_that_vanished_took_its_time_until_it_was_missed():
    story = at_work()
    story.now += timedelta(seconds=50)
    story.cluster.lose(story.pods("Running")[0])
    story.settle()
    assert costs(story) == (150, 50, 150, 50)


def test_a_node_whose_clock_is_wrong_costs_nothing_below_nothing():
    story = at_work()
    assert end(story, ended(1), -3600).member()["attempt"] == 2  # it ended an hour before it was started
    assert costs(story) == (0, 0, 0, 0)


def reported(story, *figures):
    """The attempt that runs says what CPU time its process has taken, again and again; the phase's sum."""
    for cpu_seconds in figures:
        said = Progress(env_steps=cpu_seconds, cpu_seconds=cpu_seconds)
        story.cluster.progress = {name: said.after(None, story.now) for name in story.cluster.jobs}
        story.settle()
    story.cluster.progress = {}  # the log of a container that has ended is not read
    return story.phase("experts").get("usedCpuSeconds", 0)


def test_what_processes_say_they_have_used_is_summed_over_attempts():
    story = at_work()
    assert reported(story, 20, 50) == 50
    story.fail(ended(1)).start()
    assert "usedCpuSeconds" not in story.member()
    assert reported(story, 60, 70) == 120
    story.succeed()
    assert story.phase("experts")["usedCpuSeconds"] == 120


def test_a_second_process_of_an_attempt_counts_from_zero_too():
    """Kueue took the first one's place back, and the same Job went on later."""
    assert reported(at_work(), 50, 10, 30) == 80


def test_a_trainer_that_does_not_say_it_leaves_no_figure():
    story = at_work().succeed()
    assert story.phase("experts")["usedCpuSeconds"] == 0
    assert "usedCpuSeconds" not in story.member()
