"""Students and controls: alike but for the collective; shaped, fine-tuned, published, resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phases.interruptions import elsewhere, straight, with_a_kill, with_stops
from phases.small_run import PARAMS, SmallRun

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import StudentsParams
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.policy_files.collectives import load_collective
from collectiverun_trainer.policy_files.learners import load_students
from collectiverun_trainer.students.guidance import Guidance
from collectiverun_trainer.students.training import student_learning

CPU = torch.device("cpu")
STUDENTS = {"totalEnvSteps": 160, "decayEnvSteps": 400, "checkpointEveryEnvSteps": 40}
FILES = {
    f"{prefix}{name}"
    for prefix in ("", "control_")
    for name in ("policy.safetensors", "policy.json", "critic.safetensors", "evaluation.json")
} | {"curves.json"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    run = SmallRun(params={"students": STUDENTS}, root=tmp_path_factory.mktemp("students").as_uri())
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        run.do(phase)
    return run


def published(run: SmallRun, name: str, **changes: Any) -> tuple[PhaseResult, Artifact]:
    changed = elsewhere(run, name)
    changed.params = {"students": STUDENTS | changes}
    context = changed.context("students")
    result = phases.load("students")(context)
    assert result.uri
    return result, Artifact.open(context.storage, result.uri)


def begun(run: SmallRun, **changes: Any) -> OffPolicyLearning:
    """Students about to begin."""
    context = run.context("students")
    (_, artifact), *_ = context.inputs("onlineDistillation")
    params = StudentsParams.model_validate(PARAMS["students"] | STUDENTS | changes)
    order = context.order
    collective = load_collective(artifact, CPU)
    return student_learning(order.tasks, order.environment, params, collective, order.seed, CPU)


def guidance_of(students: OffPolicyLearning) -> Guidance:
    assert isinstance(students.guide, Guidance)
    return students.guide


def slices(students: OffPolicyLearning, of: int) -> list[torch.Tensor]:
    """All weights of the students (0) or the controls (1)."""
    actor = [value[of::2] for value in students.agent.actor.state_dict().values()]
    critics = [
        value.view(-1, 2, *value.shape[1:])[of::2] for value in students.agent.critics.state_dict().values()
    ]
    return actor + critics


def equal(students: OffPolicyLearning) -> bool:
    pairs = zip(slices(students, 0), slices(students, 1), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_without_weight_student_and_control_are_equal_bit_by_bit(run: SmallRun) -> None:
    students = begun(run, startWeight=0.0)
    for _ in range(4):
        students.run_episode()
    assert equal(students)


def test_a_control_learns_the_same_in_a_batch_as_alone(run: SmallRun) -> None:
    _, together = published(run, "together")
    for task in run.tasks:
        _, alone = published(replace(run, tasks=(task,)), f"alone-{task.name}")
        for name in ("policy", "critic"):
            file = f"{task.name}/control_{name}.safetensors"
            assert together.manifest["files"][file] == alone.manifest["files"][file]


def knowing(students: OffPolicyLearning, successes: list[float]) -> Guidance:
    """Its guidance once the collective has acted, as if it had succeeded in these shares of its episodes."""
    while students.decisions < students.schedule.decisions_before_learning:
        students.run_episode()
    guidance = guidance_of(students)
    for schedule, success in zip(guidance.schedules, successes, strict=True):
        schedule.teacher = success
    return guidance


def test_the_collective_acts_for_the_student_until_learning_begins(run: SmallRun) -> None:
    students = begun(run)
    assert students.schedule.decisions_before_learning == 20  # two episodes
    for _ in range(2):
        students.run_episode()
        assert equal(students)
    student, control = (students.replay.experience(row) for row in (0, 1))
    assert bool(((student["bonus"] > 0) & (student["bonus"] <= 1)).all())
    assert not bool(control["bonus"].any())
    assert torch.equal(student["obs"][0], control["obs"][0])
    assert not torch.equal(student["action"], control["action"])
    # It did not succeed in twenty env steps, so it has nothing to teach.
    assert guidance_of(students).student_weights(0).tolist() == [0.0, 0.0]
    assert students.guide.note() == (
        "The collective did not succeed itself on reach-v3-sawyer, drawer-close-v3-sawyer in the 2 episodes"
        " it began with: no bonus was paid there."
    )


@pytest.mark.parametrize("changes", [{"mode": "finetune"}, {"startWeight": 0.0}], ids=str)
def test_who_wants_no_bonus_is_told_of_none(run: SmallRun, changes: dict[str, Any]) -> None:
    assert knowing(begun(run, **changes), [0.0, 0.0]).note() == ""


def test_the_bonus_moves_the_student_and_is_kept_apart_from_the_reward(run: SmallRun) -> None:
    students, unpaid = begun(run), begun(run)
    for one, success in ((students, 1.0), (unpaid, 0.0)):
        knowing(one, [success, success])
        one.run_episode()
    pairs = zip(slices(students, 0), slices(unpaid, 0), strict=True)
    assert not all(torch.equal(paid, other) for paid, other in pairs)
    pairs = zip(slices(students, 1), slices(unpaid, 1), strict=True)
    assert all(torch.equal(control, other) for control, other in pairs)
    paid, other = (one.replay.experience(0) for one in (students, unpaid))
    assert torch.equal(paid["reward"][:21], other["reward"][:21])
    assert bool((paid["bonus"] > 0).all())
    assert not bool(other["bonus"][20:].any())


@pytest.mark.parametrize("success", [0.0, 0.25, 1.0])
def test_the_bonus_is_worth_as_much_as_the_collective_succeeds(run: SmallRun, success: float) -> None:
    guidance = knowing(begun(run), [success, 1.0])
    weights = guidance.student_weights(100)
    assert weights[0] == success * weights[1] != 0.0 or success == 0.0 == weights[0]


def test_whole_episodes_of_the_collective_count_for_its_success(run: SmallRun) -> None:
    students = begun(run, randomEnvSteps=50)  # two episodes and a half
    guidance = guidance_of(students)
    guidance.begin(0)
    for number in range(3):
        students.run_episode()
        assert guidance.state_dict()["episodes"] == min(number + 1, 2)


def test_demonstrations_are_the_same_for_both_and_earn_the_student_its_bonus(run: SmallRun) -> None:
    students = begun(run, demonstrations=2)
    students.demonstrate()
    students.run_episode()
    batch = students.replay.sample(64)
    for column in (batch.obs, batch.action, batch.reward, batch.next_obs):
        assert torch.equal(column[0::2, :32], column[1::2, :32])
    assert batch.bonus is not None
    assert bool((batch.bonus[0::2, :32] > 0).all())
    assert not bool(batch.bonus[1::2].any())


def test_a_student_that_succeeds_loses_its_bonus(run: SmallRun) -> None:
    students = begun(run)
    guidance = knowing(students, [1.0, 1.0])
    before = guidance.student_weights(students.env_steps)
    for _ in range(3):
        guidance.schedules[0].record_success(1.0)
    after = guidance.student_weights(students.env_steps)
    assert before[0] > 0
    assert after.tolist() == [0.0, before[1].item()]


def test_fine_tuning_starts_from_the_collective(run: SmallRun) -> None:
    """At the first gradient step the student acts as the collective does at its mean embedding."""
    students = begun(run, mode="finetune", gradientStepsPerDecision=1, learningRate=1e-9)
    while students.decisions < students.schedule.decisions_before_learning:
        students.run_episode()
    collective, obs = guidance_of(students).collective, torch.randn(2, 9, 39)
    mu, log_std = students.agent.gaussian(obs.repeat_interleave(2, 0))
    for task, z in enumerate(guidance_of(students).mean_embedding):
        wanted = collective.network.gaussian(z.expand(9, -1), obs[task])
        for found, of_collective in zip((mu, log_std), wanted, strict=True):
            torch.testing.assert_close(found[2 * task], of_collective, rtol=1e-3, atol=1e-4)
            assert not torch.allclose(found[2 * task + 1], of_collective, atol=1e-2)
    assert guidance_of(students).student_weights(0).tolist() == [0.0, 0.0]


def test_fine_tuning_with_other_sizes_is_refused(run: SmallRun) -> None:
    with pytest.raises(InvalidConfiguration, match=r"params\.hiddenSizes: \[8\]"):
        published(run, "sizes", mode="finetune", hiddenSizes=[8])


def test_both_policies_and_their_curves_are_published(run: SmallRun) -> None:
    result, artifact = published(run, "published")
    names = {f"{task.name}/{name}" for task in run.tasks for name in FILES}
    assert set(artifact.names) == names | {"metrics.jsonl"}
    assert result.env_steps == 160 * len(run.tasks) * 2
    assert result.note.startswith("The collective did not succeed itself on reach-v3-sawyer")
    for task in run.tasks:
        points = artifact.read_json(f"{task.name}/curves.json")
        assert [point["envSteps"] for point in points] == [40, 80, 120, 160]
        assert set(points[0]["student"]) == set(points[0]["control"]) == {"anyStep", "atEnd"}
        best = artifact.read_json(f"{task.name}/policy.json")["bestEnvSteps"]
        ranked = {(p["student"]["atEnd"], p["student"]["anyStep"], p["envSteps"]) for p in points}
        assert best == max(ranked)[2]
    records = [json.loads(line) for line in artifact.read("metrics.jsonl").splitlines()]
    assert any("student/evaluation/success_any_step" in record["values"] for record in records)


def test_published_policies_can_be_loaded(run: SmallRun) -> None:
    changed = elsewhere(run, "loaded")
    changed.do("students")
    loaded = load_students(changed.context("evaluation").inputs("students"), CPU)
    obs = np.random.default_rng(0).normal(size=(3, 39)).astype(np.float32)
    for role in ("student", "control"):
        assert tuple(loaded[role]) == run.tasks  # type: ignore[index]
        for policy in loaded[role].values():  # type: ignore[index]
            assert np.abs(policy.act(obs)).max() <= 1.0


@pytest.mark.parametrize("changes", [{}, {"mode": "finetune"}, {"demonstrations": 1}], ids=str)
def test_stopped_and_continued(run: SmallRun, changes: dict[str, Any]) -> None:
    changed = elsewhere(run, "-".join(["resume", *map(str, changes)]))
    changed.params = {"students": STUDENTS | changes}
    expected = straight(changed, "students")
    for looks in ((1,), (3, 4), (2, 2, 2)):
        assert with_stops(changed, "students", looks) == expected


def test_killed_and_continued(run: SmallRun, tmp_path: Path) -> None:
    assert with_a_kill(run, "students", tmp_path) == straight(run, "students")


def test_a_task_learns_the_same_alone_and_in_a_group(run: SmallRun) -> None:
    """Same numbers, to float tolerance: generators belong to the task, slices never mix."""
    alone = elsewhere(run, "alone")
    alone.tasks = run.tasks[1:]
    together = elsewhere(run, "together")
    weights = [
        Artifact.open(one.context("students").storage, str(one.do("students").uri)).read_tensors(
            f"{run.tasks[1].name}/policy.safetensors"
        )
        for one in (alone, together)
    ]
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-3, atol=1e-4)
