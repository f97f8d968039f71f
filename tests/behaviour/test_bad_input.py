"""Runs that can't be: one clear sentence each, at `kubectl apply` or in the run, and the others go on."""

import copy
import re
from subprocess import CalledProcessError

import pytest
from behaviour.runs import TASKS, a_run

pytestmark = pytest.mark.timeout(900)


REMOVED = object()
BOTH = {"secretRef": {"name": "s3"}, "serviceAccountName": "trainer"}


def changed(place, name, path, value):
    """A good run with one field set, or removed."""
    body = copy.deepcopy(a_run(name, place.storage))
    *parents, last = path.split(".")
    spot = body
    for key in parents:
        spot = spot.setdefault(key, {})
    if value is REMOVED:
        del spot[last]
    else:
        spot[last] = value
    return body


TEMPLATE = "spec.podTemplate"
# Refused by the API server's schema, or by the operator: field, value, and what must be said.
BAD = {
    "unknown-task": ("spec.tasks", [{"env": "drawer-close"}], (r"spec\.tasks", "drawer-close")),
    "unknown-robot": ("spec.tasks", [{"env": "reach-v3", "robot": "panda"}], (r"spec\.tasks", "panda")),
    "same-task-twice": (
        "spec.tasks",
        [TASKS[0], TASKS[0]],
        ("spec.tasks", "listed more than once|Duplicate"),
    ),
    "no-task": ("spec.tasks", [], ("spec.tasks", "at least 1")),
    "no-bucket": ("spec.storage.uri", "s3://", ("spec.storage.uri", "s3://")),
    "no-such-scheme": ("spec.storage.uri", "ftp://a/b", ("spec.storage.uri", "ftp://a/b")),
    "no-credentials": ("spec.storage.credentials", REMOVED, ("spec.storage.credentials", "secretRef")),
    "both-credentials": (
        "spec.storage.credentials",
        BOTH,
        ("spec.storage.credentials", "exactly one"),
    ),
    "neither-credential": ("spec.storage.credentials", {}, ("spec.storage.credentials", "exactly one")),
    "file-without-volume": ("spec.storage", {"uri": "file:///data"}, ("spec.storage.uri", "volume")),
    "wrong-type": ("spec.seed", "one", ("spec.seed", "integer")),
    "wrong-parameter-type": (
        "spec.phases.experts.params",
        {"batchSize": "many"},
        ("spec.phases.experts.params.batchSize", "integer"),
    ),
    "parameter-out-of-range": (
        "spec.phases.experts.params",
        {"discount": 1.5},
        ("spec.phases.experts.params.discount", "1"),
    ),
    "template-of-another-command": (
        TEMPLATE,
        {"spec": {"containers": [{"name": "trainer", "command": ["bash"]}]}},
        (r"spec\.podTemplate\.spec\.containers\[0\]\.command", "can't be overridden"),
    ),
    "template-the-server-refuses": (
        TEMPLATE,
        {"spec": {"tolerations": [{"key": "gpu", "operator": "Perhaps"}]}},
        ("spec.podTemplate", r"tolerations\[0\]\.operator"),
    ),
    "phase-template-the-server-refuses": (
        "spec.phases.evaluation.podTemplate",
        {"spec": {"volumes": [{"name": "NOT A NAME"}]}},
        ("spec.phases.evaluation.podTemplate", "volumes"),
    ),
    "a-name-that-leaves-no-room-for-those-of-its-jobs": (None, None, ("metadata.name", "40")),
}


def refusal(place, name):
    """What kubectl or the run itself says."""
    path, value, _ = BAD[name]
    body = a_run(name, place.storage) if path is None else changed(place, name, path, value)
    try:
        run = place.apply(body)
    except CalledProcessError as error:
        return error.stderr
    run.wait_for_state("Rejected")
    accepted, reason = run.condition("Accepted")
    row = run.printed("--output", "wide")
    assert (accepted, row["STATE"], row["ACCEPTED"]) == ("False", "Rejected", reason)
    assert run.jobs() == []
    assert run.message("Accepted").splitlines()[0] in run.described()
    return run.message("Accepted")


@pytest.mark.parametrize("name", BAD)
def test_a_run_that_can_not_be_is_refused_with_the_field_and_a_sentence(place, name):
    said = refusal(place, name)
    for pattern in BAD[name][2]:
        assert re.search(pattern, said), said


def test_all_faults_of_a_run_are_said_at_once(place):
    body = changed(place, "many-faults", "spec.storage.credentials", BOTH)
    body["spec"]["phases"]["experts"] = {"params": {"totalEnvSteps": 10}}
    body["spec"]["phases"]["students"] = {"enabled": True, "params": {"tasks": [{"env": "sweep-v3"}]}}
    run = place.apply(body)
    run.wait_for_state("Rejected")
    fields = [fault.split(": ")[0] for fault in run.message("Accepted").splitlines()]
    assert sorted(fields) == [
        "spec.phases.experts.params.totalEnvSteps",
        "spec.phases.students.params.tasks[0]",
        "spec.storage.credentials",
    ]


def test_a_mistyped_parameter_is_refused_by_kubectl_with_its_name(place):
    body = changed(place, "mistyped", "spec.phases.experts.params", {"learningRat": 0.001})
    with pytest.raises(CalledProcessError) as error:
        place.apply(body)
    assert "learningRat" in error.value.stderr


def test_beside_a_bad_run_the_others_go_on(place):
    bad = place.apply(changed(place, "bad-neighbour", "spec.storage.credentials", BOTH))
    good = place.apply(place.mimicked("good-neighbour"))
    bad.wait_for_state("Rejected")
    place.finish(good)
    bad.change(storage={"credentials": {"serviceAccountName": None}})
    bad.wait(lambda status: status.get("state") != "Rejected", "accepted once it is mended")
    bad.delete()


def test_a_field_that_can_not_change_stops_nothing_that_runs_and_starts_nothing_new(place):
    run = place.apply(place.mimicked("changed"))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    jobs = run.job_names()
    run.change(seed=2)
    run.wait_for_state("Rejected")
    assert run.condition("Accepted") == ("False", "SpecChanged")
    assert run.condition("Running")[0] == "True"
    place.succeed(run.wait_for_pod(1))
    run.wait_for_member(state="Succeeded")
    assert run.job_names() in (jobs, [])
    run.change(seed=1)
    place.finish(run)


def test_a_template_that_turns_bad_while_a_run_goes_on_lets_its_jobs_go_on(place):
    run = place.apply(place.mimicked("template-turned-bad"))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    good = run.document["spec"]["podTemplate"]
    bad = copy.deepcopy(good)
    bad["spec"]["tolerations"] = [{"key": "gpu", "operator": "Perhaps"}]
    run.change(podTemplate=bad)
    run.wait(lambda status: status["observedGeneration"] == 2, "looked at again")
    assert run.condition("Accepted") == ("False", "InvalidPodTemplate")
    assert len(run.job_names()) == 1
    run.change(podTemplate=good)
    place.finish(run)
    assert [member["attempt"] for member in run.phase("experts")["members"]] == [1]
