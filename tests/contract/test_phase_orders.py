"""What the operator orders, the trainer reads: for every phase, with its inputs, parameters and variables."""

from __future__ import annotations

import json

import pytest
from support.run_bodies import tasks
from unit_operator.builders import KUBERNETES, order_of, trainer_of
from unit_operator.story import Story

from collectiverun_operator.api import outcome, pod_outcome
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.cli.smoke import with_smoke_budgets
from collectiverun_operator.jobs import manifest as jobs
from collectiverun_operator.jobs import phase_order as orders
from collectiverun_trainer import order as seam
from collectiverun_trainer.config import PARAMS, PHASE_NAMES, Task
from collectiverun_trainer.config import phases as trainer_phases
from collectiverun_trainer.order import PhaseOrder, PhaseResult, Success
from collectiverun_trainer.process import stopping

EVERYTHING = {
    "tasks": [*tasks("reach", "push", "door-open"), {"env": "window-open-v3", "holdout": True}],
    "environment": {"horizonEnvSteps": 200, "actionRepeat": 4, "goals": 10, "goalSeed": 3},
    "seed": 7,
    "phases": {
        "experts": {"tasksPerJob": 2, "params": {"demonstrations": 5, "hiddenSizes": [64, 64]}},
        "trajectoryTransformer": {"resources": {"requests": {"cpu": 2}}},
        **{name: {"enabled": True} for name, phase in trainer_phases.PHASES.items() if phase.optional},
        "students": {"enabled": True, "params": {"tasks": tasks("window-open")}},
    },
}


def orders_of_a_run(**more):
    """Every Job's phase order of a run that goes through all phases."""
    story, found = Story(**(EVERYTHING | more)).settle(), {}
    while story.status["state"] != "Complete":
        for job in story.cluster.jobs.values():
            found[job["metadata"]["name"]] = job
        story.succeed()
    return list(found.values())


JOBS = orders_of_a_run()
SEEDED_JOBS = orders_of_a_run(seeds=[7, 2, 30])
ORDERS = {f"{order_of(job)['phase']} {order_of(job)['member']}": job for job in JOBS}


def parsed(job) -> PhaseOrder:
    return PhaseOrder.model_validate_json(json.dumps(order_of(job)), strict=True)


def by_phase(name):
    return [parsed(job) for job in JOBS if order_of(job)["phase"] == name]


def test_a_run_orders_every_phase():
    of_one_seed = {name for name, phase in trainer_phases.PHASES.items() if not phase.only_of_several_seeds}
    assert {order_of(job)["phase"] for job in JOBS} == of_one_seed
    assert {order_of(job)["phase"] for job in SEEDED_JOBS} == set(PHASE_NAMES)


def test_both_halves_go_through_the_same_phases_in_the_same_order():
    settings = {phase.name: phase.settings.model_fields for phase in PHASES}
    assert tuple(settings) == PHASE_NAMES
    optional = {name for name, fields in settings.items() if "enabled" in fields}
    assert optional == {name for name, phase in trainer_phases.PHASES.items() if phase.optional}
    seeded = {phase.name for phase in PHASES if phase.settings.ONLY_OF_SEVERAL_SEEDS}
    assert seeded == {name for name, phase in trainer_phases.PHASES.items() if phase.only_of_several_seeds}


@pytest.mark.parametrize("job", ORDERS.values(), ids=ORDERS.keys())
def test_the_trainer_reads_the_order_and_its_parameters(job):
    order = parsed(job)
    PARAMS[order.phase].model_validate_json(json.dumps(order.params), strict=True)
    assert order.environment.action_repeat == 4
    assert order.seed == 7
    assert order.member_uri == f"{root_of(job)}/{order.phase}/{order.member}"


def root_of(job):
    run = order_of(job)["run"]
    return f"file:///data/runs/{run['namespace']}/{run['name']}-{run['uid'][:8]}"


@pytest.mark.parametrize("job", ORDERS.values(), ids=ORDERS.keys())
def test_the_command_and_the_order_name_the_same_phase(job):
    assert trainer_of(job)["command"] == ["python", "-m", "collectiverun_trainer", order_of(job)["phase"]]


def test_experts_are_packed_and_later_phases_see_all_training_tasks():
    assert [[task.env for task in order.tasks] for order in by_phase("experts")] == [
        ["reach-v3", "push-v3"],
        ["door-open-v3"],
    ]
    for name in ("trajectoryTransformer", "onlineDistillation", "refinement", "evaluation"):
        assert [task.env for task in by_phase(name)[0].tasks] == ["reach-v3", "push-v3", "door-open-v3"]


def test_the_evaluation_alone_knows_the_holdout_and_the_spec():
    held_out = (Task(env="window-open-v3"),)
    assert {order.phase: order.holdout for job in JOBS for order in [parsed(job)] if order.holdout} == {
        "evaluation": held_out
    }
    assert by_phase("evaluation")[0].spec["seed"] == 7


def test_the_report_alone_is_told_of_a_smoke_run_by_the_label_that_smoke_sets():
    story = Story(tasks=tasks("reach"))
    story.body = with_smoke_budgets(story.body)
    told = {}
    while story.settle().status["state"] != "Complete":
        told |= {parsed(job).phase: parsed(job).smoke for job in story.cluster.jobs.values()}
        story.succeed()
    assert [phase for phase, is_smoke in told.items() if is_smoke] == ["evaluation"]
    assert not any(parsed(job).smoke for job in JOBS)


def test_an_earlier_run_is_named_to_the_phases_that_it_stands_in_for():
    earlier = {"experts": "file:///data/runs/old", "onlineDistillation": "file:///data/runs/older"}
    jobs = orders_of_a_run(phases={name: {"from": address} for name, address in earlier.items()})
    assert {order.phase: order.from_ for job in jobs for order in [parsed(job)] if order.from_} == earlier
    assert not any("from" in order_of(job) for job in JOBS)


def without_addresses(order):
    inputs = {phase: [named.tasks for named in found] for phase, found in order.inputs.items()}
    return order.model_dump(exclude={"member", "member_uri", "inputs", "seeds"}) | {"inputs": inputs}


def test_each_seed_of_several_is_ordered_what_a_run_of_it_alone_is():
    alone = orders_of_a_run(seed=2)
    of_a_seed = {"trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation"}
    ours = [order for order in map(parsed, SEEDED_JOBS) if order.phase in of_a_seed and order.seed == 2]
    theirs = [order for order in map(parsed, alone) if order.phase in of_a_seed]
    assert [without_addresses(order) for order in ours] == [without_addresses(order) for order in theirs]
    assert {order.member for order in ours} == {"seed-2", "seed-2-window-open-v3-sawyer"}


def test_experts_of_all_seeds_are_one_batch_and_the_comparison_reads_all_evaluations():
    orders = [parsed(job) for job in SEEDED_JOBS]
    experts = [order for order in orders if order.phase == "experts"]
    assert [(order.member, order.seeds) for order in experts] == [
        ("group-0", (7, 2, 30)),
        ("group-1", (7, 2, 30)),
    ]
    (comparison,) = [order for order in orders if order.phase == "comparison"]
    read = {phase: [named.member for named in found] for phase, found in comparison.inputs.items()}
    assert read == {
        "experts": ["group-0", "group-1"],
        "onlineDistillation": ["seed-7", "seed-2", "seed-30"],
        "students": [f"seed-{seed}-window-open-v3-sawyer" for seed in (7, 2, 30)],
        "evaluation": ["seed-7", "seed-2", "seed-30"],
    }
    assert (comparison.all_seeds, comparison.params) == ((7, 2, 30), {})


def test_a_phase_of_a_seed_reads_what_its_seed_published():
    for order in map(parsed, SEEDED_JOBS):
        if order.phase not in ("experts", "comparison"):
            named = [one.member for found in order.inputs.values() for one in found]
            seeded = {name for name in named if not name.startswith("group-")}
            assert all(name.startswith(f"seed-{order.seed}") for name in seeded)
            assert named


def test_students_learn_the_named_task():
    assert [order.tasks for order in by_phase("students")] == [(Task(env="window-open-v3"),)]


@pytest.mark.parametrize(
    ("phase", "inputs"),
    [
        ("experts", {}),
        ("trajectoryTransformer", {"experts": 2}),
        ("onlineDistillation", {"experts": 2, "trajectoryTransformer": 1}),
        ("refinement", {"onlineDistillation": 1}),
        ("students", {"refinement": 1}),
        (
            "evaluation",
            {
                "experts": 2,
                "trajectoryTransformer": 1,
                "onlineDistillation": 1,
                "refinement": 1,
                "students": 1,
            },
        ),
    ],
)
def test_a_phase_is_given_the_artifacts_of_those_it_reads(phase, inputs):
    order = by_phase(phase)[0]
    assert {name: len(references) for name, references in order.inputs.items()} == inputs
    for name, references in order.inputs.items():
        for reference in references:
            assert reference.uri.startswith(
                f"{order.member_uri.split(f'/{phase}/')[0]}/{name}/{reference.member}/"
            )
            assert reference.manifest_sha256 is not None
            assert reference.tasks


def test_threads_follow_the_cores_asked_for():
    threads = {order.phase: order.threads for job in JOBS for order in [parsed(job)]}
    assert threads["trajectoryTransformer"] == 2
    assert threads["experts"] == 1


def test_storage_options_are_the_trainers():
    storage = {
        "uri": "s3://bucket/x",
        "endpoint": "https://s3.example:9000",
        "region": "eu-central-1",
        "addressing": "Virtual",
        "insecure": True,
        "credentials": {"secretRef": {"name": "keys"}},
        "caBundle": {"configMapName": "ca"},
    }
    story = Story(
        platform=KUBERNETES, metadata={"uid": "u" * 36}, storage=storage, tasks=tasks("reach")
    ).settle()
    options = parsed(next(iter(story.cluster.jobs.values()))).storage
    assert options.model_dump() == {
        "endpoint": "https://s3.example:9000",
        "region": "eu-central-1",
        "addressing": "Virtual",
        "insecure": True,
        "ca_bundle_path": f"{orders.CA_DIRECTORY}/ca.crt",
    }


def test_both_halves_call_the_variables_the_same():
    assert jobs.ORDER_VARIABLE == seam.ORDER_VARIABLE
    assert jobs.POD_UID_VARIABLE == seam.POD_UID_VARIABLE
    assert jobs.GRACE_VARIABLE == stopping.GRACE_SECONDS_VARIABLE


def test_the_operator_reads_the_trainers_result():
    line = PhaseResult(
        exit_code=0,
        reason="Succeeded",
        uri="file:///root/experts/a/attempt-1/pod",
        manifest_sha256="a" * 64,
        env_steps=12,
        success=Success(any_step=0.9, at_end=0.8),
        experts=Success(any_step=1.0, at_end=0.5),
        students=Success(any_step=0.3, at_end=0.2),
        peak_memory_bytes=1 << 30,
        cpu_seconds=75.4,
        note="refinement did not help",
    ).to_line()
    terminated = {"exitCode": 0, "reason": "Completed", "message": line}
    state = {"containerStatuses": [{"name": "trainer", "state": {"terminated": terminated}}]}
    assert pod_outcome.pod_outcome({"status": {"phase": "Succeeded"} | state}) == outcome.Succeeded(
        outcome.Result(
            uri="file:///root/experts/a/attempt-1/pod",
            manifest_sha256="a" * 64,
            env_steps=12,
            success=outcome.Success(0.9, 0.8),
            experts=outcome.Success(1.0, 0.5),
            students=outcome.Success(0.3, 0.2),
            peak_memory_bytes=1 << 30,
            cpu_seconds=75,
            note="refinement did not help",
        )
    )


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (3, "InvalidConfiguration", "fatal"),
        (3, "StorageRefused", "fatal"),
        (4, "InputInvalid", "fatal"),
        (5, "StorageUnavailable", "infrastructure"),
        (143, "Stopped", "infrastructure"),
        (1, "Diverged", "application"),
    ],
)
def test_the_operator_reads_the_trainers_failure(code, reason, kind):
    line = PhaseResult(exit_code=code, reason=reason, message="why").to_line()
    terminated = {"exitCode": code, "reason": "Error", "message": line}
    state = {"containerStatuses": [{"name": "trainer", "state": {"terminated": terminated}}]}
    found = pod_outcome.pod_outcome({"status": {"phase": "Failed"} | state})
    assert (found.kind, found.reason, found.message) == (kind, reason, "why")
