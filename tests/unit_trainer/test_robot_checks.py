"""`robots check MODEL`: a sentence for each fault of an arm's file, and none for those that are built in."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from collectiverun_trainer.commands import check_robot, robots
from collectiverun_trainer.commands.requests import CheckRobotRequest, RobotsRequest
from collectiverun_trainer.config import ROBOTS, Task
from collectiverun_trainer.environments.factory import make_environment
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import HOME
from collectiverun_trainer.errors import Usage

WHOLE = (MODELS / "z1.xml").read_text()
HOME_LINE = re.search(r'    <key name="home".*\n', WHOLE)[0]
FINGER = (
    '<body name="finger"><joint name="grip" type="slide"/>'
    '<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body>'
)
OUTSIDE = HOME_LINE.replace(HOME_LINE.split()[3], "4.5", 1)  # of the shoulder


def changed(*pairs: tuple[str, str]) -> str:
    text = WHOLE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


SITE = re.search(r' *<site name="attachment_site".*\n', WHOLE)[0]
ELBOW = re.search(r' *<joint name="link03_joint".*\n', WHOLE)[0]
MOUNT = re.search(r'<numeric name="mount" data="(.*)"/>', WHOLE)[0]

BROKEN = {
    "no MJCF": ("reach the goal", r"^MuJoCo can't read '.*arm\.xml': "),
    "a URDF": ("<robot name='z1'/>", "^It begins with <robot>, so it is no MJCF file, which begins with"),
    "a mesh that is not there": (
        changed(("<custom>", '<asset><mesh name="shell" file="shell.stl"/></asset><custom>'),
                ("<geom type", '<geom type="mesh" mesh="shell"/><geom type')),
        "^It names the file 'shell.stl', which is not beside the model.$",
    ),
    "a mass that is no number": (
        re.sub(r'mass="[^"]*"', 'mass="nan"', WHOLE, count=1),
        "^mass='nan' of a <inertial> is no number; write what it is.$",
    ),
    "an inertia that is no number": (
        re.sub(r'diaginertia="[^"]*"', 'diaginertia="1 NaN 1"', WHOLE, count=1),
        "^diaginertia='1 NaN 1' of a <inertial> is no number; write what it is.$",
    ),
    "no mass at all": (
        re.sub(r'mass="[^"]*"', 'mass="-1"', WHOLE, count=2),
        r"^The <inertial> of 'link01' has the mass -1 kg and the inertia 0.00128328 .* be above zero.$",
    ),
    "no inertia at all": (
        re.sub(r'diaginertia="[^"]*"', 'diaginertia="0 0 0"', WHOLE, count=1),
        r"^The <inertial> of 'link00' has the mass 0.472475 kg and the inertia 0 0 0 kg m²; all have to be",
    ),
    "an inertia that nothing has": (
        re.sub(r'diaginertia="[^"]*"', 'diaginertia="1 1 9"', WHOLE, count=1),
        r"^MuJoCo can't compile '.*arm\.xml': inertia must satisfy A \+ B >= C",
    ),
    "an empty world": ("<mujoco><worldbody/></mujoco>", "^Its world has 0 bodies; an arm is one body"),
    "two arms": (changed(("</worldbody>", '<body name="spare"/></worldbody>')), "2 bodies: link00, spare;"),
    "nowhere to fasten the hand": (
        changed((SITE, "")),
        "^It has no site 'attachment_site': add one to the last link",
    ),
    "the hand at its foot": (
        changed((SITE, ""), ("<geom type", '<site name="attachment_site"/><geom type')),
        r"\ASite 'attachment_site' is in body 'link00', which no joint moves; put it into the last link.\Z",
    ),
    "five joints": (
        changed((ELBOW, ""), (HOME_LINE, "")),
        r"^There are 5 joints between its root and the flange \(link01_joint, .*\); an arm has 6 or 7.$",
    ),
    "a gripper of its own": (
        changed((SITE, SITE + FINGER)),
        "^Joint 'grip' does not move the flange, .*: remove it with what it moves",
    ),
    "a joint that slides": (
        changed(('<joint name="link03_joint"', '<joint name="link03_joint" type="slide"')),
        "^Joint 'link03_joint' is no hinge but a slide joint; only hinges are supported.$",
    ),
    "no masses": (
        re.sub(r"<inertial[^>]*/>", "", WHOLE, count=2),
        "^No <inertial> in link00, link01: each link needs one",
    ),
    "a joint without a name": (
        changed(('<joint name="link03_joint"', "<joint")),
        "^1 of its joints have no name: give each one.$",
    ),
    "a mount of three numbers": (
        changed((MOUNT, '<numeric name="mount" data="0 0 0"/>')),
        "^Its mount has 3 numbers; it is x, y, z in metres and the yaw in degrees.$",
    ),
    "a speed that is none": (
        changed(('<numeric name="speed" data="3.1415', '<numeric name="speed" data="-1')),
        "^Its speed is -1 3.1415 .*; it has to be 6 positive numbers, how fast each joint from the root on",
    ),
    "no home": (changed((HOME_LINE, "")), "^It has no keyframe 'home': its qpos is the pose"),
    "a home outside a joint's range": (
        changed((HOME_LINE, OUTSIDE)),
        "^Joint 'link02_joint' is at 4.500 rad in keyframe 'home', outside its range 0.000 to 2.967; keyf",
    ),
    "ranges in radians that are read as degrees": (
        changed(('angle="radian"', 'angle="degree"')),
        r"\AIts joints' ranges are read as degrees \(.*link02_joint 0 to 2.967.*\), and keyframe 'home' .* "
        r'if they are, write <compiler angle="radian"/>.\Z',
    ),
    "a body that nothing can carry": (
        changed(('<body name="link00"', '<body name="link00" mocap="true"')),
        r"^It can't take Sawyer's place in Meta-World's model: mocap body 'link00' is not a fixed child",
    ),
    "links in each other": (
        changed((ELBOW, ELBOW + '<geom type="sphere" size="0.35"/>')),
        r"^Links 'link\d\d' and 'link\d\d' overlap by \d+ mm in keyframe 'home': bend the arm",
    ),
    "a home somewhere else": (
        changed((HOME_LINE, '<key name="home" qpos="0 1.5 -1.5 0 0 0"/>\n')),
        r'fingers down, by \d+ mm and \d+ degrees: with qpos="[-0-9. ]+" it is there.\Z',
    ),
    "too far from the table": (
        changed((MOUNT, '<numeric name="mount" data="0 -1 0 90"/>')),
        r'nearer than \d+ mm and \d+ degrees, so mount the arm elsewhere \(.* data="0 -1 0 90"/>',
    ),
    "an elbow that hardly bends": (
        changed(('range="-2.87979 0"', 'range="-2 -1"')),
        r"does not reach .*, at the end of the range of .*link03_joint.*; mount the arm elsewhere, or let",
    ),
    "the far half of the table out of reach": (
        changed((MOUNT, '<numeric name="mount" data="0 0.05 0.2 90"/>')),
        r"^With the fingers down the hand does not reach .*\(-0.1, 0.85, 0.1\) m by \d+ mm and",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN)
def test_each_fault_has_its_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "arm.xml").write_text(text)
    told = "\n".join(faults(tmp_path / "arm.xml"))
    assert re.search(sentence, told, re.MULTILINE), told


def test_the_angles_that_it_says_are_inside_the_ranges(tmp_path: Path) -> None:
    """Where a joint is at the very end of its range, which with all digits is not what four of them say."""
    arm, elsewhere = tmp_path / "arm.xml", '<key name="home" qpos="0 1.5 -1.5 0 0 0"/>\n'
    text = changed((HOME_LINE, elsewhere), ('range="-2.79253 2.79253"', 'range="-2.79253 0.819863"'))
    arm.write_text(text)
    angles = re.search('with qpos="([^"]*)" it is there', faults(arm)[0])[1]
    arm.write_text(text.replace(elsewhere, elsewhere.replace("0 1.5 -1.5 0 0 0", angles)))
    assert not [sentence for sentence in faults(arm) if HOME in sentence]


def test_what_is_no_mesh_and_what_is_no_text_is_told_by_its_users_names(tmp_path: Path) -> None:
    (tmp_path / "shell.stl").write_text("a shell")
    mesh = changed(
        ("<custom>", '<asset><mesh name="shell" file="shell.stl"/></asset><custom>'),
        ("<geom type", '<geom type="mesh" mesh="shell"/><geom type'),
    )
    (tmp_path / "arm.xml").write_text(mesh)
    (told,) = faults(tmp_path / "arm.xml")
    assert re.search(r"arm\.xml': .*'shell\.stl'; Element name 'shell'", told), told
    (tmp_path / "arm.xml").write_bytes(WHOLE.replace("Unitree", "Unitr\xe9e").encode("latin-1"))
    (told,) = faults(tmp_path / "arm.xml")
    assert re.search(r"arm\.xml' is not in UTF-8 \(its byte \d+\); save it as such\.$", told), told


def test_a_mesh_in_millimetres_is_told_and_not_what_comes_of_it(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(with_mesh('vertex="0 0 0 80 0 0 0 60 0 0 0 250"'))
    told = (
        "Mesh 'shell' is .* m large; MuJoCo reads metres: if it is drawn in millimetres, give it"
        ' scale="0.001 0.001 0.001".'
    )
    (sentence,) = faults(tmp_path / "arm.xml")
    assert re.fullmatch(told, sentence), sentence
    (tmp_path / "arm.xml").write_text(
        with_mesh('vertex="0 0 0 80 0 0 0 60 0 0 0 250" scale=".001 .001 .001"')
    )
    assert faults(tmp_path / "arm.xml") == []


def with_mesh(said: str) -> str:
    return changed(
        ("<custom>", f'<asset><mesh name="shell" {said}/></asset><custom>'),
        ("<geom type", '<geom type="mesh" mesh="shell"/><geom type'),
    )


def test_motors_that_do_not_hold_the_arm_up_are_told(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(re.sub('actuatorfrcrange="[^"]*"', 'actuatorfrcrange="-1 1"', WHOLE))
    told = check_robot.run(CheckRobotRequest(model=str(tmp_path / "arm.xml")))
    assert told["faults"] == []
    assert re.search(r"motors do not hold it up .* the hand is \d+ mm away", told["byJoints"][0])
    by_joints = CheckRobotRequest(model=str(tmp_path / "arm.xml"), control="joint")
    assert check_robot.run(by_joints)["faults"] == told["byJoints"]


def faults(model: Path | str) -> list[str]:
    told: list[str] = check_robot.run(CheckRobotRequest(model=str(model)))["faults"]
    return told


def test_an_arm_with_meshes_of_its_own_folder_has_none(tmp_path: Path) -> None:
    """A mesh may also be called as one of Meta-World's."""
    corners = np.eye(4, 3, dtype=np.float32) / 20
    faces = [corners[list(face)].ravel() for face in ((0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2))]
    records = b"".join(struct.pack("<12fH", 0, 0, 0, *face, 0) for face in faces)
    (tmp_path / "shells").mkdir()
    (tmp_path / "shells" / "shell.stl").write_bytes(bytes(80) + struct.pack("<I", len(faces)) + records)
    text = changed(
        ('autolimits="true"', 'autolimits="true" meshdir="shells"'),
        ("<custom>", '<asset><mesh name="tabletop" file="shell.stl"/></asset><custom>'),
        ("<geom type", '<geom type="mesh" mesh="tabletop"/><geom type'),
    )
    (tmp_path / "arm.xml").write_text(text)
    assert faults(tmp_path / "arm.xml") == []


def test_a_file_that_is_not_there() -> None:
    assert faults("no/such/arm.xml") == ["There is no file 'no/such/arm.xml'."]


@pytest.mark.parametrize("robot", [name for name in ROBOTS if name != "sawyer"])
def test_what_is_built_in_has_none(robot: str) -> None:
    told = check_robot.run(CheckRobotRequest(model=str(MODELS / f"{robot}.xml"), control="hand"))
    assert told["faults"] == told["byJoints"] == []


def test_the_list_has_every_robot_and_draws_it(tmp_path: Path) -> None:
    told = robots.run(RobotsRequest(pictures=str(tmp_path / "pictures")))
    assert [row["name"] for row in told["robots"]] == list(ROBOTS)
    assert told["aliases"]["kuka"] == "iiwa"
    pictures = [Path(row["picture"]) for row in told["robots"]]
    assert {path.stem for path in pictures} == set(ROBOTS)
    assert len({path.read_bytes() for path in pictures}) == len(ROBOTS)


def test_sawyers_mass_is_that_of_its_arm_in_meta_worlds_model() -> None:
    model = make_environment(Task(env="reach-v3")).model
    links = ["right_arm_base_link", *(f"right_l{number}" for number in range(7))]
    (row, *_) = robots.run(RobotsRequest())["robots"]
    assert row["massKg"] == pytest.approx(sum(model.body(link).mass[0] for link in links), abs=0.05)


def test_pictures_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Usage, match=r"pictures can't be written to .*file': File exists"):
        robots.run(RobotsRequest(pictures=str(tmp_path / "file")))
