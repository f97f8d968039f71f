"""An arm that a run brings along: its files are read once, told by content, refused in sentences."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.model_files import LIMIT_BYTES, MODEL, ArmFault, ModelFiles
from collectiverun_trainer.environments.robots.own import adopt, adopted
from collectiverun_trainer.environments.vector import VectorEnvironment
from collectiverun_trainer.errors import InvalidConfiguration

TEXT = (MODELS / "z1.xml").read_text()
SHELLS = TEXT.replace('autolimits="true"', 'autolimits="true" meshdir="shells"', 1).replace(
    "<custom>", '<asset><mesh name="shell" file="shell.stl"/></asset><custom>', 1
).replace("<geom type", '<geom type="mesh" mesh="shell"/><geom type', 1)  # fmt: skip
SETTINGS = EnvironmentSettings(horizon_env_steps=20, goals=2)


def tetrahedron(metres: float) -> bytes:
    """A binary STL file."""
    corners = np.eye(4, 3, dtype=np.float32) * np.float32(metres)
    faces = [corners[list(face)].ravel() for face in ((0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2))]
    records = b"".join(struct.pack("<12fH", 0, 0, 0, *face, 0) for face in faces)
    return bytes(80) + struct.pack("<I", len(faces)) + records


def written(folder: Path, text: str, **files: bytes) -> Path:
    """A folder with `arm.xml` and `<name>.stl` in the folder that a mesh is in or beside the model."""
    folder.mkdir(parents=True)
    (folder / "arm.xml").write_text(text)
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.stl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder


def refusal(place: Path) -> str:
    with pytest.raises(ArmFault) as refused:
        ModelFiles.read(place)
    return str(refused.value)


def test_a_model_is_the_same_in_a_folder_of_its_own_and_flat_as_a_config_map_has_it(tmp_path: Path) -> None:
    shell = tetrahedron(0.05)
    here = ModelFiles.read(written(tmp_path / "here", SHELLS, shells__shell=shell) / "arm.xml")
    mounted = ModelFiles.read(written(tmp_path / "mounted", SHELLS, shell=shell))
    assert here.files.keys() == {MODEL, "shells/shell.stl"}
    assert here.digest == mounted.digest


@pytest.mark.parametrize("what", ["text", "mesh"])
def test_another_content_is_another_model(tmp_path: Path, what: str) -> None:
    before = ModelFiles.read(written(tmp_path / "before", SHELLS, shell=tetrahedron(0.05)))
    text = SHELLS.replace('mass="', 'mass="1', 1) if what == "text" else SHELLS
    size = 0.06 if what == "mesh" else 0.05
    after = ModelFiles.read(written(tmp_path / "after", text, shell=tetrahedron(size)))
    assert before.digest != after.digest


def test_what_was_read_is_what_is_simulated_whatever_becomes_of_the_files(tmp_path: Path) -> None:
    folder = written(tmp_path / "arm", SHELLS, shell=tetrahedron(0.05))
    settings = SETTINGS.model_copy(update={"robot_models": {"shells": adopt(ModelFiles.read(folder))}})
    (folder / "arm.xml").unlink()
    (folder / "shell.stl").unlink()
    tasks = [Task(env="reach-v3", robot=name) for name in ("shells", "z1")]
    pair = VectorEnvironment(tasks, settings)
    obs = pair.reset([1, 1])
    for _ in range(SETTINGS.horizon):
        np.testing.assert_array_equal(obs[0], obs[1])  # it has z1's links, and a shell that touches nothing
        obs = pair.step(np.full((2, 4), 0.5, dtype=np.float32)).obs


def test_two_runs_may_call_different_arms_the_same() -> None:
    task = Task(env="reach-v3", robot="mine")
    ends = []
    for name in ("z1", "panda"):
        digest = adopt(ModelFiles.read(MODELS / f"{name}.xml"))
        own = SETTINGS.model_copy(update={"robot_models": {"mine": digest}})
        pair = [
            VectorEnvironment([task], own),
            VectorEnvironment([Task(env="reach-v3", robot=name)], SETTINGS),
        ]
        for environment in pair:
            environment.reset([0])
        action = np.array([[1, 1, -1, 0]], dtype=np.float32)
        for _ in range(SETTINGS.horizon):
            mine, theirs = (environment.step(action).obs for environment in pair)
        np.testing.assert_array_equal(mine, theirs)
        ends.append(mine)
    assert not np.array_equal(*ends)


def test_a_model_that_nobody_read_is_refused() -> None:
    settings = SETTINGS.model_copy(update={"robot_models": {"mine": "0" * 64}})
    with pytest.raises(
        InvalidConfiguration, match=r"The model of the robot 'mine' \(sha256 0+\) is not here"
    ):
        VectorEnvironment([Task(env="reach-v3", robot="mine")], settings)
    with pytest.raises(InvalidConfiguration):
        adopted("mine", "0" * 64)


FAULTY = {
    "a mesh that is not there": (SHELLS, {}, r"file 'shells/shell.stl', which is not there, nor is"),
    "a mesh above the model": (
        SHELLS.replace("shell.stl", "../../shell.stl"), {},
        r"names '\.\./shell\.stl', which does not lie in the folder of the model; move it there",
    ),
    "a mesh of another machine": (
        SHELLS.replace("shell.stl", "/home/me/shell.stl"), {},
        "names '/home/me/shell.stl', which does not lie",
    ),
    "a part in another file": (
        TEXT.replace("<custom>", '<include file="hand.xml"/><custom>', 1), {},
        "^It includes 'hand.xml'; write the arm in one MJCF file",
    ),
    "a height field": (
        TEXT.replace("<custom>", '<asset><hfield name="h" file="h.png" size="1 1 1 1"/></asset><custom>', 1),
        {},
        "^It names 'h.png'; of an arm's files only meshes and flat textures are taken",
    ),
    "too large": (
        SHELLS, {"shell": bytes(LIMIT_BYTES + 1)}, r"have 16\.0 MiB; at most 16 MiB are taken",
    ),
    "no text": ("\0", {}, r"^MuJoCo can't read '.*arm\.xml': .*line 1, column 0\.$"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "files", "sentence"), FAULTY.values(), ids=FAULTY)
def test_each_fault_of_the_files_has_its_sentence(
    tmp_path: Path, text: str, files: dict[str, bytes], sentence: str
) -> None:
    told = refusal(written(tmp_path / "arm", text, **files))
    assert re.search(sentence, told), told


def test_a_folder_holds_one_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no file that ends in .xml; put the arm's MJCF file there" in refusal(tmp_path / "empty")
    folder = written(tmp_path / "arm", TEXT)
    (folder / "scene.xml").write_text("<mujoco/>")
    assert "holds 2 files that end in .xml (arm.xml, scene.xml); leave the arm's alone." in refusal(folder)
    assert refusal(tmp_path / "nowhere") == f"There is no file '{tmp_path}/nowhere'."
