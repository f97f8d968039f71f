"""Runs that can't be: one clear sentence each, at `kubectl apply` or in the run, and the others go on."""

import re
from subprocess import CalledProcessError

import pytest
from behaviour.bad_runs import AT_APPLY, BOTH, IN_THE_RUN, changed, many_faults
from behaviour.older_definition import older_definition

pytestmark = pytest.mark.timeout(900)


def refusal(place, body):
    """What kubectl prints about a run that it can't apply."""
    with pytest.raises(CalledProcessError) as error:
        place.apply(body)
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
def test_a_run_that_can_not_be_is_refused_by_kubectl_with_the_field_and_a_sentence(place, name):
    bad = AT_APPLY[name]
    check(refusal(place, bad.body(place, name)), bad.told)


@pytest.mark.parametrize("name", IN_THE_RUN)
def test_what_only_the_operator_sees_is_said_in_the_run(place, name):
    bad = IN_THE_RUN[name]
    check(rejection(place.apply(bad.body(place, name))), bad.told)


def test_a_name_that_leaves_no_room_for_those_of_its_jobs_is_refused_by_kubectl(place):
    name = "a-name-that-leaves-no-room-for-those-of-its-jobs"
    check(refusal(place, place.mimicked(name)), ("metadata.name", "40"))


def test_all_faults_of_a_run_are_said_at_once(place):
    said = refusal(place, many_faults(place, "many-faults"))
    assert sorted(re.findall(r"^\* ([^:]+): ", said, re.MULTILINE)) == [
        "spec.phases.experts.params.totalEnvSteps",
        "spec.phases.students.params.tasks",
        "spec.storage.credentials",
    ]


def test_a_mistyped_parameter_is_refused_by_kubectl_with_its_name(place):
    body = changed(place, "mistyped", "spec.phases.experts.params", {"learningRat": 0.001})
    assert 'unknown field "spec.phases.experts.params.learningRat"' in refusal(place, body)


@pytest.fixture(scope="module")
def old_runs(place):
    """Runs that can't be and that a definition with fewer rules had let in, after the upgrade: by name."""
    with older_definition(place):
        runs = {name: place.apply(bad.body(place, f"old-{name}")) for name, bad in AT_APPLY.items()}
        runs["many-faults"] = place.apply(many_faults(place, "old-many-faults"))
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


def test_an_old_run_goes_on_once_it_is_mended(place):
    with older_definition(place):
        bad = place.apply(changed(place, "mended", "spec.storage.credentials", BOTH))
    bad.wait_for_state("Rejected")
    bad.change(storage={"credentials": {"serviceAccountName": None}})
    bad.wait(lambda status: status.get("state") != "Rejected", "accepted once it is mended")
    bad.delete()


def test_beside_a_bad_run_the_others_go_on(place):
    bad = place.apply(IN_THE_RUN["template-of-another-command"].body(place, "bad-neighbour"))
    good = place.apply(place.mimicked("good-neighbour"))
    bad.wait_for_state("Rejected")
    place.finish(good)
    bad.delete()


def test_a_field_that_can_not_change_is_refused_by_kubectl_and_the_run_goes_on(place):
    run = place.apply(place.mimicked("unchanged"))
    run.wait_for_state("Running")
    with pytest.raises(CalledProcessError) as error:
        run.change(seed=2)
    said = "spec.seed: Forbidden: can't be changed once the run has begun; give the run another name"
    assert said in error.value.stderr
    place.finish(run)


def test_a_field_that_was_changed_all_the_same_stops_nothing_that_runs_and_starts_nothing_new(place):
    run = place.apply(place.mimicked("changed"))
    run.wait_for_pod(1)
    run.wait_for_state("Running")
    jobs = run.job_names()
    with older_definition(place):
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
    run.change(podTemplate=good | {"spec": good["spec"] | {"tolerations": [{"operator": "Perhaps"}]}})
    run.wait(lambda status: status["observedGeneration"] == 2, "looked at again")
    assert run.condition("Accepted") == ("False", "InvalidPodTemplate")
    assert len(run.job_names()) == 1
    run.change(podTemplate=good)
    place.finish(run)
    assert [member["attempt"] for member in run.phase("experts")["members"]] == [1]
