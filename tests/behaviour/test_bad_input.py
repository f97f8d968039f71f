"""Runs that can't be: one clear sentence each, at `kubectl apply` or in the run, and the others go on."""

import re
from dataclasses import dataclass
from subprocess import CalledProcessError
from typing import Any

import pytest
from behaviour.permissive_crd import permissive_crd
from support.run_bodies import REMOVED, run_body, with_field

pytestmark = pytest.mark.timeout(900)

REACH = {"env": "reach-v3"}
BOTH = {"secretRef": {"name": "s3"}, "serviceAccountName": "trainer"}
_PARAMS = "spec.phases.experts.params"
_TEMPLATE = "spec.podTemplate"


@dataclass(frozen=True)
class InvalidField:
    """A field's path, a value that it can't have, and patterns of what is said, by whomever."""

    path: str
    value: Any
    told: tuple[str, ...]

    def body(self, namespace, name):
        """A run that is good but for this field."""
        return with_field(run_body(name, storage=namespace.storage), self.path, self.value)


# The API server sees what is wrong with these, and so does the operator with those that are in already.
AT_APPLY = {
    "unknown-task": InvalidField(
        "spec.tasks", [{"env": "drawer-close"}], (r"spec\.tasks\[0\]", "drawer-close")
    ),
    "unknown-robot": InvalidField(
        "spec.tasks", [{"env": "reach-v3", "robot": "robbie"}], (r"spec\.tasks(\[0\])?: ", "robbie", "sawyer")
    ),
    "same-task-twice": InvalidField(
        "spec.tasks", [REACH, REACH], (r"spec\.tasks", "listed more than once|Duplicate value")
    ),
    "no-task": InvalidField("spec.tasks", [], (r"spec\.tasks: ", "at least 1")),
    "only-holdouts": InvalidField(
        "spec.tasks", [REACH | {"holdout": True}], (r"spec\.tasks: ", "every task is a holdout")
    ),
    "no-bucket": InvalidField(
        "spec.storage.uri", "s3://", (r"spec\.storage\.uri: ", "'s3://' names no bucket")
    ),
    "no-such-scheme": InvalidField(
        "spec.storage.uri", "ftp://a/b", (r"spec\.storage\.uri: ", "'ftp://a/b' does not")
    ),
    "no-credentials": InvalidField(
        "spec.storage.credentials", REMOVED, (r"spec\.storage\.credentials: ", "for s3://; give secretRef")
    ),
    "both-credentials": InvalidField(
        "spec.storage.credentials", BOTH, (r"spec\.storage\.credentials: ", "exactly one")
    ),
    "neither-credential": InvalidField(
        "spec.storage.credentials", {}, (r"spec\.storage\.credentials: ", "exactly one")
    ),
    "wrong-type": InvalidField("spec.seed", "one", (r"spec\.seed: ", "integer")),
    "wrong-parameter-type": InvalidField(
        _PARAMS, {"batchSize": "many"}, (rf"{_PARAMS}\.batchSize: ", "integer")
    ),
    "parameter-out-of-range": InvalidField(
        _PARAMS, {"discount": 1.5}, (rf"{_PARAMS}\.discount: ", "less than 1")
    ),
    "no-time-for-an-episode": InvalidField(
        _PARAMS,
        {"totalEnvSteps": 400},
        (rf"{_PARAMS}\.totalEnvSteps: ", "400 is less than one episode of 500"),
    ),
    "foreign-student": InvalidField(
        "spec.phases.students.params",
        {"tasks": [{"env": "sweep-v3"}]},
        (r"spec\.phases\.students\.params\.tasks", "sweep-v3-sawyer\\W+ is no task of this run"),
    ),
}
IN_THE_RUN = {
    "file-without-volume": InvalidField(
        "spec.storage", {"uri": "file:///data"}, (r"spec\.storage\.uri: ", "volume")
    ),
    "template-of-another-command": InvalidField(
        _TEMPLATE,
        {"spec": {"containers": [{"name": "trainer", "command": ["bash"]}]}},
        (r"spec\.podTemplate\.spec\.containers\[0\]\.command: ", "can't be overridden"),
    ),
    "template-the-server-refuses": InvalidField(
        _TEMPLATE,
        {"spec": {"tolerations": [{"key": "gpu", "operator": "Perhaps"}]}},
        (r"spec\.podTemplate: ", r"tolerations\[0\]\.operator"),
    ),
    "phase-template-the-server-refuses": InvalidField(
        "spec.phases.evaluation.podTemplate",
        {"spec": {"volumes": [{"name": "NOT A NAME"}]}},
        (r"spec\.phases\.evaluation\.podTemplate: ", "volumes"),
    ),
}


def many_faults(namespace, name):
    """A run with three faults in three sections."""
    phases = {
        "experts": {"params": {"totalEnvSteps": 10}},
        "students": {"enabled": True, "params": {"tasks": [{"env": "sweep-v3"}]}},
    }
    body = run_body(name, storage=namespace.storage, phases=phases)
    return with_field(body, "spec.storage.credentials", BOTH)


def refusal(namespace, body):
    """What kubectl prints about a run that it can't apply."""
    with pytest.raises(CalledProcessError) as error:
        namespace.apply_run(body)
    return error.value.stderr


def rejection(run):
    """What a run that was rejected says about itself."""
    run.wait_for_state("Rejected")
    accepted, reason = run.condition("Accepted")
    row = run.printed("--output", "wide")
    assert (accepted, row["STATE"], row["ACCEPTED"]) == ("False", "Rejected", reason)
    assert run.jobs() == []
    assert run.message("Accepted").splitlines()[0] in run.described()
    return run.message("Accepted")


def check(said, patterns):
    for pattern in patterns:
        assert re.search(pattern, said), said


@pytest.mark.parametrize("name", AT_APPLY)
def test_a_run_that_can_not_be_is_refused_by_kubectl_with_the_field_and_a_sentence(namespace, name):
    bad = AT_APPLY[name]
    check(refusal(namespace, bad.body(namespace, name)), bad.told)


@pytest.mark.parametrize("name", IN_THE_RUN)
def test_what_only_the_operator_sees_is_said_in_the_run(namespace, name):
    bad = IN_THE_RUN[name]
    check(rejection(namespace.apply_run(bad.body(namespace, name))), bad.told)


def test_a_name_that_leaves_no_room_for_those_of_its_jobs_is_refused_by_kubectl(namespace):
    name = "a-name-that-leaves-no-room-for-those-of-its-jobs"
    check(refusal(namespace, namespace.simulated_run(name)), ("metadata.name", "40"))


def test_all_faults_of_a_run_are_said_at_once(namespace):
    said = refusal(namespace, many_faults(namespace, "many-faults"))
    assert sorted(re.findall(r"^\* ([^:]+): ", said, re.MULTILINE)) == [
        "spec.phases.experts.params.totalEnvSteps",
        "spec.phases.students.params.tasks",
        "spec.storage.credentials",
    ]


def test_a_mistyped_parameter_is_refused_by_kubectl_with_its_name(namespace):
    body = run_body("mistyped", phases={"experts": {"params": {"learningRat": 0.001}}})
    assert 'unknown field "spec.phases.experts.params.learningRat"' in refusal(namespace, body)


@pytest.fixture(scope="module")
def old_runs(namespace):
    """Runs that can't be and that a definition with fewer rules had let in, after the upgrade: by name."""
    with permissive_crd(namespace):
        runs = {
            name: namespace.apply_run(bad.body(namespace, f"old-{name}")) for name, bad in AT_APPLY.items()
        }
        runs["many-faults"] = namespace.apply_run(many_faults(namespace, "old-many-faults"))
    return runs


@pytest.mark.parametrize("name", AT_APPLY)
def test_an_old_run_that_can_not_be_is_rejected_by_the_operator_with_field_and_sentence(old_runs, name):
    check(rejection(old_runs[name]), AT_APPLY[name].told)


def test_all_faults_of_an_old_run_are_said_at_once(old_runs):
    said = rejection(old_runs["many-faults"])
    assert sorted(fault.split(": ")[0] for fault in said.splitlines()) == [
        "spec.phases.experts.params.totalEnvSteps",
        "spec.phases.students.params.tasks[0]",
        "spec.storage.credentials",
    ]


def test_an_old_run_goes_on_once_it_is_mended(namespace):
    with permissive_crd(namespace):
        bad = namespace.apply_run(run_body("mended", storage=namespace.storage | {"credentials": BOTH}))
    bad.wait_for_state("Rejected")
    bad.change(storage={"credentials": {"serviceAccountName": None}})
    bad.wait(lambda status: status.get("state") != "Rejected", "accepted once it is mended")
    bad.delete()


def test_beside_a_bad_run_the_others_go_on(namespace):
    bad = namespace.apply_run(IN_THE_RUN["template-of-another-command"].body(namespace, "bad-neighbour"))
    good = namespace.apply_run(namespace.simulated_run("good-neighbour"))
    bad.wait_for_state("Rejected")
    good.finish()
    bad.delete()


def test_a_field_that_can_not_change_is_refused_by_kubectl_and_the_run_goes_on(namespace):
    run = namespace.apply_run(namespace.simulated_run("unchanged"))
    run.wait_for_state("Running")
    with pytest.raises(CalledProcessError) as error:
        run.change(seed=2)
    said = "spec.seed: Forbidden: can't be changed once the run has begun; give the run another name"
    assert said in error.value.stderr
    run.finish()


def test_a_field_that_was_changed_all_the_same_stops_nothing_that_runs_and_starts_nothing_new(namespace):
    run = namespace.apply_run(namespace.simulated_run("changed"))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    jobs = run.job_names()
    with permissive_crd(namespace):
        run.change(seed=2)
    run.wait_for_state("Rejected")
    assert run.condition("Accepted") == ("False", "SpecChanged")
    assert run.condition("Running")[0] == "True"
    run.release(run.wait_for_pod(1))
    run.wait_for_member(state="Succeeded")
    assert run.job_names() in (jobs, [])
    run.change(seed=1)
    run.finish()


def test_a_template_that_turns_bad_while_a_run_goes_on_lets_its_jobs_go_on(namespace):
    run = namespace.apply_run(namespace.simulated_run("template-turned-bad"))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    good = run.document["spec"]["podTemplate"]
    run.change(podTemplate=good | {"spec": good["spec"] | {"tolerations": [{"operator": "Perhaps"}]}})
    run.wait(lambda status: status["observedGeneration"] == 2, "looked at again")
    assert run.condition("Accepted") == ("False", "InvalidPodTemplate")
    assert len(run.job_names()) == 1
    run.change(podTemplate=good)
    run.finish()
    assert [member["attempt"] for member in run.phase("experts")["members"]] == [1]
