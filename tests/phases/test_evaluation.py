"""Phase evaluation on a small real run: what it measures, what it writes, and that a stop repeats nothing."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from phases.small_run import SmallRun, StopAfter
from PIL import Image

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import Task
from collectiverun_trainer.environments.rendering import rendering_platform
from collectiverun_trainer.errors import InputInvalid, Stopped
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.report.summary import Summary

HOLDOUT = Task(env="door-close-v3")
NETWORKS = {"experts", "collective", "zero", "shuffled", "students", "controls"}


@pytest.fixture(scope="module")
def run() -> SmallRun:
    """Every phase before evaluation."""
    small = SmallRun(holdout=(HOLDOUT,))
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students"):
        small.do(phase)
    return small


@pytest.fixture(scope="module")
def result(run: SmallRun) -> PhaseResult:
    return run.do("evaluation")


@pytest.fixture(scope="module")
def artifact(run: SmallRun, result: PhaseResult) -> Artifact:
    return opened(run, result)


def opened(run: SmallRun, result: PhaseResult) -> Artifact:
    assert result.uri
    return Artifact.open(Storage(run.order("evaluation").storage), result.uri, result.manifest_sha256)


def outcomes(artifact: Artifact) -> dict[str, dict[str, dict[str, list[float]]]]:
    document = artifact.read_json("evaluation.json")
    return {name: {row["task"]["env"]: row for row in rows} for name, rows in document.items()}


def test_every_network_plays_every_goal_of_its_tasks_once(artifact: Artifact) -> None:
    found = outcomes(artifact)
    assert set(found) == NETWORKS
    assert set(found["collective"]) == {"reach-v3", "drawer-close-v3", "door-close-v3"}
    assert all(len(row["anyStep"]) == 4 for rows in found.values() for row in rows.values())


def test_numbers_are_those_the_phases_published(run: SmallRun, artifact: Artifact) -> None:
    found, storage = outcomes(artifact), Storage(run.order("evaluation").storage)
    experts = Artifact.open(storage, run.artifacts["experts"][0].uri)
    for task in run.tasks:
        published = experts.read_json(f"{task.name}/evaluation.json")
        assert found["experts"][task.env]["returns"] == pytest.approx(published["returns"], rel=1e-5)


def test_the_result_carries_all_three_rates(result: PhaseResult, artifact: Artifact) -> None:
    summary = Summary.model_validate(artifact.read_json("summary.json"))
    assert result.success == summary.success["collective"]
    assert result.experts == summary.success["experts"]
    assert result.students == summary.success["students"]
    assert result.note == summary.headline
    assert len(result.to_line().encode()) <= 4096


def test_the_report_of_a_smoke_run_says_that_it_is_one(run: SmallRun) -> None:
    smoke = SmallRun(artifacts=dict(run.artifacts), params={"evaluation": {"videos": False}}, smoke=True)
    result = smoke.do("evaluation")
    assert result.note.startswith("A smoke run")
    assert result.success is not None


def test_the_summary_covers_the_run(run: SmallRun, artifact: Artifact) -> None:
    summary = Summary.model_validate(artifact.read_json("summary.json"))
    assert [row.task for row in summary.tasks] == list(run.tasks)
    assert [row.task for row in summary.holdout] == [HOLDOUT]
    assert [gain.task for gain in summary.students] == list(run.tasks)
    assert [cost.phase for cost in summary.phases] == [*run.artifacts]
    assert all(cost.wall_seconds > 0 for cost in summary.phases)
    assert summary.embedding
    assert set(summary.inputs.values()) == {
        reference.manifest_sha256
        for phase, references in run.artifacts.items()
        for reference in references
        if phase != "evaluation"
    }


def test_page_videos_and_event_files_are_there(run: SmallRun, artifact: Artifact) -> None:
    page = artifact.read("report.html").decode()
    assert page.count("data:image/webp") == 2 * 3  # a video and its last frame, for each task
    for task in (*run.tasks, HOLDOUT):
        video = Image.open(BytesIO(artifact.read(f"videos/{task.name}.webp")))
        assert (video.size, getattr(video, "n_frames", 1)) == ((64, 64), 11)
    recorded = {name.split("/")[1] for name in artifact.names if name.startswith("tensorboard/")}
    assert recorded == set(run.artifacts)


def test_a_stop_after_every_measurement_repeats_nothing_and_changes_nothing(
    run: SmallRun, artifact: Artifact
) -> None:
    interrupted = SmallRun(holdout=run.holdout, artifacts=dict(run.artifacts))
    count = len(NETWORKS) + 1 + 3  # networks, unseen tasks, videos
    for attempt in range(1, count + 1):
        context = interrupted.context("evaluation", attempt, StopAfter(looks=1))
        with pytest.raises(Stopped):
            phases.load("evaluation")(context)
        assert context.checkpoints.last_step == attempt
    final = opened(interrupted, phases.load("evaluation")(interrupted.context("evaluation", count + 1)))
    same = [name for name in artifact.names if name not in ("summary.json", "report.html")]
    assert [final.read(name) for name in same] == [artifact.read(name) for name in same]
    assert without_times(final) == without_times(artifact)


def without_times(artifact: Artifact) -> dict[str, object]:
    document = json.loads(artifact.read("summary.json"))
    for cost in document["phases"]:
        del cost["wallSeconds"], cost["cpuSeconds"]
    return document


def test_one_scripted_task_without_extras(run: SmallRun) -> None:
    small = SmallRun(
        tasks=run.tasks[:1],
        params={"experts": {"source": "scripted"}, "evaluation": {"videos": False, "ablations": True}},
    )
    for phase in ("experts", "trajectoryTransformer", "onlineDistillation"):
        small.do(phase)
    artifact = opened(small, small.do("evaluation"))
    summary = Summary.model_validate(artifact.read_json("summary.json"))
    assert set(outcomes(artifact)) == {"experts", "collective", "zero"}  # no other task to take z from
    assert summary.tasks[0].expert_source == "scripted"
    assert "scripted policies" in summary.headline
    assert not [name for name in artifact.names if name.startswith("videos/")]
    assert '<span class="tag">scripted</span>' in artifact.read("report.html").decode()


def test_where_nothing_can_be_drawn_the_report_comes_without_films(
    run: SmallRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    rendering_platform.cache_clear()
    try:
        small = SmallRun(tasks=run.tasks, holdout=run.holdout, artifacts=dict(run.artifacts))
        result = small.do("evaluation")
    finally:
        rendering_platform.cache_clear()
    assert "The report has no films: MUJOCO_GL is 'disable'" in result.note
    assert "The report has no films" in caplog.messages[0]  # before anything was measured
    names = opened(small, result).names
    assert "report.html" in names
    assert not [name for name in names if name.startswith("videos/")]


def test_without_a_collective_there_is_nothing_to_evaluate(run: SmallRun) -> None:
    lacking = SmallRun(artifacts={k: v for k, v in run.artifacts.items() if k != "onlineDistillation"})
    with pytest.raises(InputInvalid, match="onlineDistillation"):
        phases.load("evaluation")(lacking.context("evaluation"))


def test_a_damaged_input_is_named(run: SmallRun) -> None:
    storage = Storage(run.order("evaluation").storage)
    reference = run.artifacts["trajectoryTransformer"][0]
    damaged = join(reference.uri, "quality.json")
    content = storage.read(damaged)
    storage.write(damaged, content[:-1])
    try:
        small = SmallRun(artifacts=dict(run.artifacts), params={"evaluation": {"videos": False}})
        context = small.context("evaluation")
        with pytest.raises(InputInvalid, match=r"quality\.json is damaged"):
            phases.load("evaluation")(context)
        assert context.checkpoints.last_step is None  # found before anything was measured
    finally:
        storage.write(damaged, content)
