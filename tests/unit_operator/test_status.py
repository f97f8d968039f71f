"""What a status says: conditions, states, figures. And that it stays small."""

import json

import pytest
from support.run_bodies import tasks
from unit_operator.builders import NOON, a_body, a_run, ended, later, rejected
from unit_operator.story import Story

from collectiverun_operator.api.conditions import TYPES
from collectiverun_operator.api.run import parse_run
from collectiverun_operator.api.status import LastFailure, MemberStatus, PhaseStatus, Rates, RunStatus
from collectiverun_operator.api.status_json import (
    LIMIT_BYTES,
    UnreadableStatusError,
    read_status,
    status_document,
    without_progress,
)
from collectiverun_operator.api.trainer_report import read_progress
from collectiverun_operator.errors import Fault
from collectiverun_operator.plan.observing import observe
from collectiverun_operator.plan.plan import plan


def queued():
    story = Story()
    story.cluster.holds_new_jobs = True
    return story.settle()


STORIES = {
    "Pending": lambda: Story().settle(),
    "Queued": queued,
    "Running": lambda: Story().settle().start(),
    "Suspending": lambda: Story().settle().start().change(suspend=True),
    "Suspended": lambda: Story(suspend=True).settle(),
    "Rejected": lambda: Story().settle().change(seed=2),
    "Failed": lambda: Story().settle().fail(ended(3)),
    "Complete": lambda: Story().settle().finish(),
}
TRUE = {
    "Pending": {"Accepted"},
    "Queued": {"Accepted", "Queued"},
    "Running": {"Accepted", "Running"},
    "Suspending": {"Accepted", "Running"},
    "Suspended": {"Accepted", "Suspended"},
    "Rejected": set(),
    "Failed": {"Accepted", "Failed"},
    "Complete": {"Accepted", "Complete"},
}


@pytest.mark.parametrize("state", STORIES)
def test_a_state_is_one_word_for_the_conditions(state):
    status = STORIES[state]().status
    assert status["state"] == state
    assert {found["type"] for found in status["conditions"] if found["status"] == "True"} == TRUE[state]


@pytest.mark.parametrize("state", STORIES)
def test_all_six_conditions_are_always_there_and_complete(state):
    conditions = STORIES[state]().status["conditions"]
    assert tuple(found["type"] for found in conditions) == TYPES
    for found in conditions:
        assert found["reason"].isalnum()
        assert found["lastTransitionTime"].endswith("Z")
        assert found["observedGeneration"] >= 1


def test_the_reports_address_is_told_once_the_evaluation_has_succeeded():
    story = Story().settle()
    while story.status["currentPhase"] != "evaluation":
        assert story.status["report"] == ""
        story.succeed()
    assert story.start().status["report"] == ""
    story.succeed()
    root, uri = story.status["resolved"]["storageRoot"], story.member(phase="evaluation")["uri"]
    assert story.status["report"] == f"{root}/{uri}/report.html"


def test_a_run_that_an_earlier_version_finished_is_told_its_reports_address():
    story = Story().settle().finish()
    told = story.body["status"].pop("report")
    assert story.planned_status()["report"] == told


def test_a_resumed_run_is_running_again():
    story = Story().settle().start().change(suspend=True)
    story.cluster.end(story.pods("Running")[0], ended(143))
    story.cluster.control(story.now)
    story.settle().change(suspend=False).start()
    assert story.status["state"] == "Running"


def test_a_transition_time_moves_only_with_the_status():
    story = Story().settle().start()
    story.wait(60)
    times = {found["type"]: found["lastTransitionTime"] for found in story.status["conditions"]}
    assert set(times.values()) == {"2026-01-31T12:00:00Z"}
    story.now = later(120)
    story.change(suspend=True)
    running = next(found for found in story.status["conditions"] if found["type"] == "Running")
    assert (running["status"], running["lastTransitionTime"]) == ("True", "2026-01-31T12:00:00Z")


def test_a_spec_that_can_not_be_read_is_rejected_with_every_fault():
    body = a_body() | {"status": Story().settle().status}
    faults = [Fault("spec.seed", "must be a number"), Fault("spec.tasks", "is required")]
    status = rejected(body, *faults)
    accepted = status["conditions"][0]
    assert (status["state"], accepted["reason"]) == ("Rejected", "InvalidSpec")
    assert accepted["message"] == "spec.seed: must be a number\nspec.tasks: is required"
    assert status["phases"] == body["status"]["phases"]
    assert rejected(body | {"status": status}, *faults, now=later(60)) == status


def test_a_run_that_was_rejected_at_first_begins_once_it_is_repaired():
    status = rejected(a_body(), Fault("spec", "is required"))
    assert [found["status"] for found in status["conditions"]] == ["False"] * 6
    planned = plan(parse_run(a_body() | {"status": status}), observe([], []), NOON)
    assert planned.status.state == "Pending"
    assert len(planned.actions) == 1


def test_progress_lines_become_figures():
    story = Story(tasks=tasks("reach", "push", "door-open"), phases={"experts": {"parallelism": 1}})
    story.settle().start()
    line = {"envSteps": 500, "fraction": 0.25, "etaSeconds": 30.0, "success": {"anyStep": 0.5, "atEnd": 0.25}}
    name = story.cluster.created[0]
    observed = observe(story.cluster.jobs.values(), story.cluster.pods.values(), {name: read_progress(line)})
    status = status_document(plan(parse_run(story.body), observed, story.now).status)
    experts = status["phases"][0]
    assert (experts["envSteps"], experts["success"]) == (500, {"anyStep": 0.5, "atEnd": 0.25})
    # 30 s for this member, and two more of 40 s each wait for its place.
    assert (experts["etaSeconds"], status["etaSeconds"]) == (110, 110)
    assert (status["successRate"], status["eta"]) == ("50 %", "2m")
    assert without_progress(status) == without_progress(story.status)


@pytest.mark.parametrize(
    "line",
    [
        {"envSteps": "many", "etaSeconds": None, "success": {"anyStep": 7}},
        {"envSteps": float("nan"), "etaSeconds": float("inf"), "fraction": "half"},
        {"etaSeconds": 5, "fraction": 1.0},
        {"etaSeconds": 1e300, "fraction": 0.0},
        {"envSteps": -3, "etaSeconds": -1},
    ],
)
def test_a_strange_progress_line_does_no_harm(line):
    story = Story().settle().start()
    jobs, pods = story.cluster.jobs.values(), story.cluster.pods.values()
    observed = observe(jobs, pods, {story.cluster.created[0]: read_progress(line)})
    status = status_document(plan(parse_run(story.body), observed, NOON).status)
    assert json.loads(json.dumps(status, allow_nan=False)) == status


def test_a_phases_success_counts_every_task_once():
    story = (
        Story(tasks=tasks("reach", "push", "door-open"), phases={"experts": {"tasksPerJob": 2}})
        .settle()
        .start()
    )
    for uid, rate in zip(story.pods("Running"), (0.9, 0.6), strict=True):
        story.cluster.succeed(uid)
        terminated = story.cluster.pods[uid]["status"]["containerStatuses"][0]["state"]["terminated"]
        result = json.loads(terminated["message"]) | {"success": {"anyStep": rate, "atEnd": 0.0}}
        terminated["message"] = json.dumps(result)
    story.settle()
    assert story.phase("experts")["success"] == {"anyStep": 0.8, "atEnd": 0.0}


def test_the_evaluation_has_the_last_word_on_success():
    story = Story().settle()
    while story.status["currentPhase"] != "evaluation":
        story.succeed()
    assert set(story.status["success"]) == {"experts", "collective"}
    story.start()
    uid = story.pods("Running")[0]
    story.cluster.succeed(uid)
    terminated = story.cluster.pods[uid]["status"]["containerStatuses"][0]["state"]["terminated"]
    figures = {
        name: {"anyStep": rate, "atEnd": rate}
        for name, rate in {"success": 0.87, "experts": 0.97, "students": 0.77}.items()
    }
    terminated["message"] = json.dumps(json.loads(terminated["message"]) | figures)
    story.settle()
    assert {name: rates["anyStep"] for name, rates in story.status["success"].items()} == {
        "experts": 0.97,
        "collective": 0.87,
        "students": 0.77,
    }
    assert story.status["bestSuccess"]["anyStep"] == 0.97


def test_a_sentence_of_the_trainer_is_kept_where_there_is_room():
    story = Story(phases={"refinement": {"enabled": True}}).settle()
    while story.status["currentPhase"] != "refinement":
        story.succeed()
    story.start()
    uid = story.pods("Running")[0]
    story.cluster.succeed(uid)
    terminated = story.cluster.pods[uid]["status"]["containerStatuses"][0]["state"]["terminated"]
    note = "refinement did not help " * 20
    terminated["message"] = json.dumps(json.loads(terminated["message"]) | {"note": note})
    story.settle()
    assert story.member(phase="refinement")["note"] == note[:200]


def test_each_seed_keeps_its_sentence():
    story = Story(seeds=[1, 2], tasks=[{"env": "reach-v3"}]).settle()
    notes = {"experts": "reused", "trajectoryTransformer": "nothing to separate", "evaluation": "learned"}
    while not story.plan().status.is_finished:
        story.start()
        for uid in story.pods("Running"):
            phase = story.cluster.pods[uid]["metadata"]["labels"]["collectiverl.io/phase"]
            story.cluster.succeed(uid)
            terminated = story.cluster.pods[uid]["status"]["containerStatuses"][0]["state"]["terminated"]
            said = json.loads(terminated["message"]) | {"note": notes.get(phase, "")}
            terminated["message"] = json.dumps(said)
        story.settle()
    told = {(phase, member.name): member.note for phase, member in story.plan().status.members()}
    assert told["experts", "reach-v3-sawyer"] == ""  # a member for each of 128 tasks
    assert told["trajectoryTransformer", "seed-2"] == told["trajectoryTransformer", "seed-1"] != ""
    assert told["evaluation", "seed-1"] == "learned"


NAME = f"button-press-topdown-wall-v3-{'r' * 32}"  # the longest task on the longest robot


def full_status(seeds=1):
    """The largest status there can be: every field at its limit, 128 pairs of task and seed."""
    rates = Rates(any_step=0.9876, at_end=0.9876)
    member = MemberStatus(
        name=NAME,
        state="Succeeded",
        attempt=9999,
        pod_uid="p" * 36,
        application_retries=1000,
        infrastructure_retries=1000,
        uri=f"experts/{NAME}/attempt-9999/12345678",
        manifest_sha256="a" * 64,
        env_steps=10**9,
        success=rates,
        peak_memory_bytes=10**12,
        used_cpu_seconds=10**8,
    )
    single = member.replace(name="seed-123456", experts=rates, students=rates, note="n" * 200)
    counts = {"experts": 128 // seeds, "students": 128}
    base = plan(a_run(), observe([], []), NOON).status
    phase = base.phases[0].replace(success=rates, eta_seconds=10**8, completion_time=NOON, env_steps=10**11)
    phases = [
        phase.replace(
            name=found.name,
            members=(member,) * counts[found.name] if found.name in counts else (single,) * seeds,
        )
        for found in base.phases
    ]
    failure = LastFailure(
        phase="onlineDistillation",
        member=member.name,
        attempt=9999,
        kind="infrastructure",
        reason="UnexpectedAdmissionError",
        exit_code=137,
        node="n" * 253,
        pod="p" * 63,
        message="m" * 1024,
        time=NOON,
    )
    conditions = (
        tuple(found.replace(message="m" * 2048) for found in base.conditions[:1]) + base.conditions[1:]
    )
    return base.replace(phases=tuple(phases), last_failure=failure, conditions=conditions)


@pytest.mark.parametrize("seeds", [1, 16])
def test_a_status_with_as_many_members_as_there_can_be_stays_small(seeds):
    document = json.dumps(status_document(full_status(seeds)), separators=(",", ":"))
    assert len(document.encode()) < LIMIT_BYTES


def test_a_status_is_read_as_it_was_written():
    status = full_status()
    assert read_status(status_document(status)) == status
    assert status_document(read_status(status_document(status))) == status_document(status)


def test_what_a_newer_version_wrote_is_read():
    document = status_document(full_status()) | {"novelty": 1}
    document["phases"][0]["members"][0]["novelty"] = 1
    assert read_status(document) == full_status()


@pytest.mark.parametrize("damage", [{"phases": "none"}, {"startTime": "yesterday"}, {"resolved": {}}])
def test_a_damaged_status_is_not_guessed_at(damage):
    with pytest.raises(UnreadableStatusError, match="nothing is done with it"):
        read_status(status_document(full_status()) | damage)


def test_an_empty_status_is_one_of_a_run_that_has_not_begun():
    assert read_status({}) == RunStatus()
    assert not RunStatus().has_begun
    assert isinstance(full_status().phases[0], PhaseStatus)
    assert isinstance(full_status(), RunStatus)
