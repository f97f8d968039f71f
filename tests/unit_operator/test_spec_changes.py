"""What may change while a run goes on, and what happens if something else does."""

import hashlib
import json

import pytest
from support.run_bodies import tasks
from unit_operator.builders import KUBERNETES, a_run, trainer_of
from unit_operator.story import Story

from collectiverun_operator.api.advice import advice
from collectiverun_operator.api.conditions import INVALID_POD_TEMPLATE, not_accepted
from collectiverun_operator.api.immutability import changed_fields, spec_hash

STUDENTS_PER_JOB = "spec.phases.students.tasksPerJob"
CREDENTIALS = {"credentials": {"secretRef": {"name": "keys"}}}

MUTABLE = {
    "suspend": {"suspend": True},
    "retryToken": {"retryToken": "x"},
    "image": {"image": "other:1"},
    "runPolicy": {"runPolicy": {"retries": {"application": 9}}},
    "podTemplate": {"podTemplate": {"spec": {"nodeSelector": {"a": "b"}}}},
    "resources": {"phases": {"experts": {"resources": {"limits": {"cpu": 2}}}}},
    "a phase's podTemplate": {"phases": {"evaluation": {"podTemplate": {"spec": {}}}}},
    "parallelism": {"phases": {"experts": {"parallelism": 1}}},
    "a default written out": {"seed": 1, "phases": {"experts": {"params": {"learningRate": 0.001}}}},
}
IMMUTABLE = {
    "spec.seed": {"seed": 2},
    "spec.tasks": {"tasks": tasks("push")},
    "spec.storage.uri": {"storage": {"uri": "file:///other"}},
    "spec.environment.goals": {"environment": {"goals": 5}},
    "spec.phases.experts.tasksPerJob": {"phases": {"experts": {"tasksPerJob": 2}}},
    "spec.phases.experts.params.learningRate": {"phases": {"experts": {"params": {"learningRate": 0.1}}}},
    "spec.phases.students.enabled": {"phases": {"students": {"enabled": True}}},
}


@pytest.mark.parametrize("change", MUTABLE.values(), ids=MUTABLE.keys())
def test_this_may_change(change):
    before, after = a_run().spec, a_run(**change).spec
    assert spec_hash(before) == spec_hash(after)
    assert changed_fields(before, after) == []


@pytest.mark.parametrize(("path", "change"), IMMUTABLE.items(), ids=IMMUTABLE.keys())
def test_this_may_not_and_is_named(path, change):
    before, after = a_run().spec, a_run(**change).spec
    assert spec_hash(before) != spec_hash(after)
    assert [changed for changed, _ in changed_fields(before, after)] == [path]


def test_fields_a_new_version_adds_do_not_change_the_digest_of_an_old_spec():
    said = {"phases": {}, "storage": {"uri": "file:///data/runs"}, "tasks": [{"env": "reach-v3"}]}
    assert spec_hash(a_run().spec) == hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def test_after_a_forbidden_change_running_jobs_go_on_and_nothing_new_starts():
    story = Story(tasks=tasks("reach", "push")).settle().start().change(seed=2)
    assert story.condition("Accepted") == ("False", "SpecChanged")
    assert len(story.pods("Running")) == 2
    story.succeed()
    assert [story.member(index)["state"] for index in (0, 1)] == ["Succeeded", "Succeeded"]
    assert story.member(phase="trajectoryTransformer")["attempt"] == 0
    assert story.wait(1000).status["state"] == "Rejected"


@pytest.mark.parametrize("change", [{"seed": 2}, {"tasks": tasks("push")}], ids=["seed", "tasks"])
def test_an_attempt_recorded_before_a_forbidden_change_is_not_made(change):
    story = Story()
    story.body["status"] = story.planned_status()  # and then the operator died
    assert story.change(**change).cluster.created == []


def test_changing_it_back_goes_on():
    story = Story().settle().start().change(seed=2).succeed().change(seed=1)
    assert story.condition("Accepted") == ("True", "Validated")
    assert story.finish().status["state"] == "Complete"


def test_a_run_with_other_tasks_can_still_be_planned():
    story = Story(tasks=tasks("reach", "push")).settle().start().change(tasks=tasks("door-open"))
    assert story.status["state"] == "Rejected"
    assert story.succeed().member()["state"] == "Succeeded"


def on_kubernetes(**spec):
    storage = {"uri": "s3://bucket/x"} | CREDENTIALS
    return Story(platform=KUBERNETES, metadata={"uid": "u" * 36}, storage=storage, **spec).settle()


def images(story):
    return [trainer_of(job)["image"] for job in story.cluster.jobs.values()]


def test_an_image_counts_for_attempts_created_later():
    story = on_kubernetes(image="first:1")
    story.change(image="second:1")
    assert images(story) == ["first:1"]
    assert images(story.succeed()) == ["second:1"]
    assert story.status["resolved"]["image"] == "second:1"


def test_the_default_image_is_that_of_the_runs_beginning():
    story = on_kubernetes()
    story.platform = type(KUBERNETES)(local=False, image="newer:2")
    assert images(story.succeed()) == [KUBERNETES.image]


def test_less_parallelism_counts_for_what_starts_later():
    phases = {"experts": {"parallelism": 2}}
    story = Story(tasks=tasks("reach", "push", "door-open"), phases=phases).settle()
    story.change(phases={"experts": {"parallelism": 1}})
    assert len(story.cluster.jobs) == 2
    story.start()
    story.cluster.succeed(story.pods("Running")[0])
    assert len(story.settle().cluster.created) == 2


def test_while_a_template_is_refused_what_runs_ends_as_it_would_and_nothing_new_starts():
    story = Story(tasks=tasks("reach", "push")).settle().start()
    story.refusal = not_accepted(INVALID_POD_TEMPLATE, ["spec.podTemplate: is refused"])
    story.settle()
    assert story.condition("Accepted") == ("False", "InvalidPodTemplate")
    assert len(story.pods("Running")) == 2
    story.succeed()
    assert [story.member(index)["state"] for index in (0, 1)] == ["Succeeded", "Succeeded"]
    assert story.member(phase="trajectoryTransformer")["attempt"] == 0
    assert story.status["state"] == "Rejected"
    story.refusal = None
    assert story.finish().status["state"] == "Complete"


def test_what_is_probably_not_meant_is_told_in_the_condition_and_carried_out():
    story = Story(tasks=tasks("reach", "push"), phases={"experts": {"tasksPerJob": 9}}).settle()
    (accepted,) = [c for c in story.status["conditions"] if c["type"] == "Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("True", "Validated")
    assert accepted["message"].startswith("spec.phases.experts.tasksPerJob: 9 is more than the 2")
    assert story.finish().status["state"] == "Complete"


@pytest.mark.parametrize(
    ("students", "told"),
    [
        ({"enabled": True, "tasksPerJob": 3}, [STUDENTS_PER_JOB]),
        ({"enabled": True, "tasksPerJob": 2}, []),
        ({"enabled": True, "tasksPerJob": 2, "params": {"tasks": tasks("push")}}, [STUDENTS_PER_JOB]),
        ({"tasksPerJob": 9}, []),
    ],
    ids=str,
)
def test_who_groups_more_students_than_there_are_is_told(students, told):
    spec = a_run(tasks=tasks("reach", "push"), phases={"students": students}).spec
    assert [fault.path for fault in advice(spec)] == told
