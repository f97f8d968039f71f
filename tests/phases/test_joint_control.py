"""`environment.control: joint` through a whole run: recorded, shown, reopened, and never mixed with hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, MANIFEST_NAME, Artifact
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.report.summary import Summary

ARM = Path(__file__).parents[2] / "examples" / "robots" / "my-arm.xml"
MINE, SAWYERS = Task(env="reach-v3", robot="my-arm"), Task(env="drawer-close-v3")
PHASES: tuple[Phase, ...] = ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation")


def opened(run: SmallRun, phase: Phase) -> Artifact:
    return Artifact.open(Storage(StorageOptions()), run.artifacts[phase][0].uri)


@pytest.fixture(scope="module")
def finished() -> SmallRun:
    """A run on Sawyer and on an arm of its own, by joints."""
    run = SmallRun(tasks=(SAWYERS, MINE), robot_models={"my-arm": str(ARM)}, control="joint")
    for phase in PHASES:
        run.do(phase)
    return run


def test_every_artifact_and_the_report_say_so(finished: SmallRun) -> None:
    for phase in PHASES:
        assert opened(finished, phase).manifest["config"]["environment"]["control"] == "joint"
    evaluation = opened(finished, "evaluation")
    assert Summary.model_validate(evaluation.read_json("summary.json")).environment.control == "joint"
    assert "control: joint" in evaluation.read("report.html").decode()


def test_who_opens_the_run_steps_it_by_joints(finished: SmallRun) -> None:
    run = open_run(finished.root)
    assert run.environment.control == "joint"
    obs = run.environments(MINE).reset([2])
    by_hand = (
        SmallRun()
        .order("experts")
        .environment.model_copy(update={"robot_models": run.environment.robot_models})
    )
    again = type(run.environments(MINE))((MINE,), by_hand).reset([2])
    assert obs.shape == again.shape
    assert (obs != again).any()


def test_what_was_learned_by_joints_is_not_reused_by_hand(finished: SmallRun) -> None:
    by_hand = SmallRun(tasks=(SAWYERS,), earlier={"experts": finished.root})
    with pytest.raises(InvalidConfiguration, match=r"environment\.control is now 'hand', was 'joint'"):
        by_hand.do("experts")


def test_what_was_made_before_there_was_a_choice_was_made_by_hand() -> None:
    earlier = SmallRun(tasks=(SAWYERS,))
    earlier.do("experts")
    uri, storage = earlier.artifacts["experts"][0].uri, Storage(StorageOptions())
    manifest = json.loads(storage.read(join(uri, MANIFEST_NAME)))
    del manifest["config"]["environment"]["control"]
    written = json.dumps(manifest).encode()
    storage.write(join(uri, MANIFEST_NAME), written)
    storage.write(join(uri, COMMIT_NAME), hashlib.sha256(written).hexdigest().encode())

    assert SmallRun(tasks=(SAWYERS,), earlier={"experts": earlier.root}).do("experts").env_steps == 0
    by_joints = SmallRun(tasks=(SAWYERS,), earlier={"experts": earlier.root}, control="joint")
    with pytest.raises(InvalidConfiguration, match=r"environment\.control is now 'joint', was 'hand'"):
        by_joints.do("experts")


def test_an_arm_without_limits_ends_the_run_before_any_training(tmp_path: Path) -> None:
    model = tmp_path / "my-arm.xml"
    model.write_text(ARM.read_text().replace(' actuatorfrcrange="-60 60"', ""))
    by_hand = SmallRun(robot_models={"my-arm": str(model)})
    assert by_hand.context("experts")
    by_joints = SmallRun(robot_models={"my-arm": str(model)}, control="joint")
    with pytest.raises(
        InvalidConfiguration,
        match=r"can't take Sawyer's place\. For environment.control joint it lacks the torque limit of "
        r"upper_arm_roll, elbow \(actuatorfrcrange=",
    ):
        by_joints.context("experts")
