"""An arm that a run brings along: checked before training, in every phase and artifact, never mixed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.robot_files import file_name, recorded_models
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.environments.robots import MODELS, own
from collectiverun_trainer.environments.robots.model_files import MODEL, ModelFiles
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration
from collectiverun_trainer.export.hub.folder import write_arms
from collectiverun_trainer.export.hub.run_file import run_file
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.report.summary import Summary

EXAMPLE = Path(__file__).parents[2] / "examples" / "robots" / "my-arm.xml"
MINE, SAWYERS = Task(env="reach-v3", robot="my-arm"), Task(env="reach-v3")
UNSEEN = Task(env="reach-v3", robot="ur5e")
PHASES: tuple[Phase, ...] = (
    "experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation",
)  # fmt: skip


def a_run(tmp_path: Path, **more: object) -> SmallRun:
    """A run with the example's arm, which lies in a file that a test may change."""
    model = tmp_path / "my-arm.xml"
    model.write_text(EXAMPLE.read_text())
    given = {"tasks": (SAWYERS, MINE), "holdout": (UNSEEN,)} | more
    return SmallRun(robot_models={"my-arm": str(model)}, **given)  # type: ignore[arg-type]


def change(run: SmallRun, old: str, new: str) -> None:
    model = Path(run.robot_models["my-arm"])
    text = model.read_text()
    assert old in text
    model.write_text(text.replace(old, new, 1))


def opened(run: SmallRun, phase: Phase) -> Artifact:
    return Artifact.open(Storage(StorageOptions()), run.artifacts[phase][0].uri)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """All phases of a run whose robots are Sawyer, an arm of its own and, held out, one that is built in."""
    run = a_run(tmp_path_factory.mktemp("models"))
    for phase in PHASES:
        run.do(phase)
    return run


@pytest.mark.parametrize("phase", PHASES)
def test_every_artifact_names_the_model_and_holds_it(finished: SmallRun, phase: Phase) -> None:
    artifact = opened(finished, phase)
    assert recorded_models(artifact) == {"my-arm": ModelFiles.read(EXAMPLE).digest}
    assert artifact.read(file_name("my-arm", MODEL)) == EXAMPLE.read_bytes()


def test_a_robot_that_no_expert_has_is_evaluated_zero_shot_and_told_by_robot(finished: SmallRun) -> None:
    summary = opened(finished, "evaluation").read_json("summary.json")
    assert [row["task"]["robot"] for row in summary["holdout"]] == ["ur5e"]
    assert set(summary["robots"]) == {"sawyer", "my-arm"}
    assert summary["unseenRobots"] == ["ur5e"]
    assert set(summary["holdoutRobots"]) == {"ur5e"}
    (unseen,) = summary["holdout"]
    assert summary["holdoutRobots"]["ur5e"] == unseen["scores"]
    assert "experts" not in unseen["scores"]
    page = opened(finished, "evaluation").read("report.html").decode()
    assert "No expert has ur5e: the whole robot is unseen." in page
    assert "All with ur5e" in page


def test_who_opens_the_run_has_its_arm_without_the_file(
    finished: SmallRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_ADOPTED", {})  # as in another process
    run = open_run(finished.root)
    policy = run.expert(MINE)
    environments = run.environments(MINE)
    obs = environments.reset([0])
    action, _ = policy.predict(obs)
    assert np.isfinite(environments.step(np.asarray(action)).obs).all()


def test_a_copy_in_an_artifact_that_is_another_model_is_refused(
    finished: SmallRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_ADOPTED", {})
    run = open_run(finished.root)
    monkeypatch.setattr(Artifact, "read", lambda self, name: b"<mujoco/>")
    with pytest.raises(InputInvalid, match=r"in memory://.* is not the one that it was made with"):
        _ = run.environment


def test_an_earlier_run_with_the_same_arm_is_reused(finished: SmallRun, tmp_path: Path) -> None:
    again = a_run(tmp_path, earlier=dict.fromkeys(PHASES[:3], finished.root))
    for phase in PHASES[:3]:
        assert again.do(phase).env_steps == 0
    assert opened(again, "onlineDistillation").read(file_name("my-arm", MODEL)) == EXAMPLE.read_bytes()


def test_an_earlier_run_with_another_arm_of_that_name_is_not(finished: SmallRun, tmp_path: Path) -> None:
    again = a_run(tmp_path, earlier={"experts": finished.root})
    change(again, '<inertial mass="4"', '<inertial mass="4.5"')
    with pytest.raises(
        InvalidConfiguration, match=r"environment\.robotModels\.my-arm is now '\w+', was '\w+'"
    ):
        again.do("experts")


def test_an_arm_that_changes_between_two_phases_is_noticed(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.do("experts")
    change(run, '<inertial mass="4"', '<inertial mass="4.5"')
    with pytest.raises(
        InvalidConfiguration, match="The model of the robot 'my-arm' was changed while the run"
    ):
        run.do("trajectoryTransformer")


def test_a_model_that_can_not_be_used_ends_the_run_before_any_training(tmp_path: Path) -> None:
    """Also where this member has no task of that robot: another one would."""
    run = a_run(tmp_path, tasks=(SAWYERS,), holdout=())
    change(run, "attachment_site", "wrist_site")
    with pytest.raises(
        InvalidConfiguration, match=r"robot 'my-arm' can't take Sawyer's place\. It has no site"
    ):
        run.context("experts")


def test_a_robot_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="'my-arm' is no robot: it is not built in"):
        SmallRun(tasks=(MINE,)).order("experts")


def test_models_of_other_robots_are_nothing_to_an_artifact(tmp_path: Path) -> None:
    run = a_run(tmp_path, tasks=(SAWYERS,), holdout=())
    assert run.context("experts").order.environment.robot_models == {}
    assert (MODELS / "my-arm.xml").exists() is False


def test_a_hub_folder_brings_the_arm_along(finished: SmallRun, tmp_path: Path) -> None:
    summary = Summary.model_validate(opened(finished, "evaluation").read_json("summary.json"))
    write_arms(tmp_path, opened(finished, "evaluation"))
    (arm,) = yaml.safe_load(run_file(summary))["spec"]["robotModels"]
    assert arm["name"] == "my-arm"
    assert (tmp_path / arm["path"]).read_bytes() == EXAMPLE.read_bytes()
