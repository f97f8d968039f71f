"""Arms other than Sawyer: as published, in Sawyer's place, with everything else of Meta-World as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import metaworld
import mujoco
import numpy as np
import pytest

from collectiverun_trainer.config import ROBOTS, TASK_NAMES, Task
from collectiverun_trainer.environments.factory import make_environment
from collectiverun_trainer.environments.fast_classes import fast_environment_class
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.robots import BUILT, MODELS
from collectiverun_trainer.environments.robots.arm import FLANGE, read_arm
from collectiverun_trainer.environments.robots.composing import PREFIX
from collectiverun_trainer.environments.robots.kinematics import HAND_HOME_METRES, ArmKinematics
from collectiverun_trainer.environments.robots.model_files import ModelFiles

ARMS = [name for name in ROBOTS if name != "sawyer"]
TASKS = Path(metaworld.__file__).with_name("assets") / "sawyer_xyz"
HAND = ("right_hand", "hand", "rightclaw", "rightpad", "leftclaw", "leftpad")

# Where the flange is, in metres from the foot, when all joints are at zero: added up from the makers' tables
# of link lengths (Denavit-Hartenberg or URDF), not taken from our files.
PUBLISHED_FLANGE = {
    "panda": (0.088, 0, 0.333 + 0.316 + 0.384 - 0.107),
    "ur5e": (-0.425 - 0.3922, -0.1333 - 0.0996, 0.1625 - 0.0997),
    "ur10e": (-0.613 - 0.571, -0.174 - 0.117, 0.181 - 0.120),
    "iiwa": (0, 0, 0.36 + 0.42 + 0.40 + 0.126),
    "xarm7": (0.206, 0, 0.1205),  # the zero point in the maker's manual
    "gen3": (0, -0.0054 - 3 * 0.0064, 0.1564 + 0.1284 + 2 * 0.2104 + 0.2084 + 2 * 0.1059 + 0.0615),
    "viperx": (0.05955 + 0.2 + 0.1 + 0.069744 + 0.042825, 0, 0.42705),
    "z1": (-0.35 + 0.218 + 0.07 + 0.0492 + 0.051, 0, 0.1605),
}
# kg; of the makers' data sheets. The URDFs that the masses come from leave out covers and cables.
PUBLISHED_MASS = {"panda": 18, "ur5e": 20.6, "ur10e": 33.5, "iiwa": 29.9, "gen3": 8.2, "z1": 4.1}


def sawyers(file: Path) -> Any:
    return mujoco.MjModel.from_xml_path(str(file))


def composed(robot: str, file: Path = TASKS / "sawyer_reach_v3.xml") -> Any:
    return BUILT[robot].model(str(file))


@pytest.mark.parametrize("robot", ARMS)
def test_the_arm_is_as_long_as_its_maker_says(robot: str) -> None:
    model = mujoco.MjModel.from_xml_path(str(MODELS / f"{robot}.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(data.site(FLANGE).xpos, PUBLISHED_FLANGE[robot], atol=0.0012)


@pytest.mark.parametrize("robot", PUBLISHED_MASS)
def test_the_arm_weighs_about_what_its_maker_says(robot: str) -> None:
    arm = read_arm(ModelFiles.read(MODELS / f"{robot}.xml"))
    assert arm.mass_kg == pytest.approx(PUBLISHED_MASS[robot], rel=0.1)


@pytest.mark.parametrize("robot", ARMS)
def test_the_table_has_what_it_shows_of_every_arm(robot: str) -> None:
    arm = read_arm(ModelFiles.read(MODELS / f"{robot}.xml"))
    assert arm.title and arm.reach_metres and arm.payload_kg
    assert "commit" in arm.source


@pytest.mark.parametrize(
    ("robot", "name"), [(ARMS[n % len(ARMS)], name) for n, name in enumerate(TASK_NAMES)]
)
def test_everything_but_the_arm_stays_meta_worlds(robot: str, name: str) -> None:
    file = Path(fast_environment_class(Task(env=name))().fullpath)
    before, after = sawyers(file), composed(robot, file)
    assert (after.nq, after.nv, after.nu) == (before.nq, before.nv, before.nu)
    assert after.jnt_qposadr.tolist() == before.jnt_qposadr.tolist()
    for kind, count in {"body": "nbody", "joint": "njnt", "site": "nsite", "camera": "ncam"}.items():
        for row in range(getattr(before, count)):
            old = getattr(before, kind)(row)
            if of_sawyer(old.name) or (kind == "body" and old.name in HAND[:1]):
                continue
            assert_same(old, getattr(after, kind)(old.name))
    for row in range(before.nu):
        assert_same(before.actuator(row), after.actuator(row))
        assert (
            after.joint(after.actuator_trnid[row, 0]).name == before.joint(before.actuator_trnid[row, 0]).name
        )
    welds = [
        [
            (model.body(a).name, model.body(b).name)
            for a, b in zip(model.eq_obj1id, model.eq_obj2id, strict=True)
        ]
        for model in (before, after)
    ]
    assert welds[0] == welds[1] == [("mocap", "hand")]
    assert sorted(shapes(before)) == sorted(shapes(after))


def of_sawyer(name: str) -> bool:
    places = ("base", "controller_box", "pedestal", "pedestal_feet", "torso", "head", "screen")
    sites = ("basesite", "headsite", "armsite")
    return (
        not name
        or name in (*places, *sites, "head_camera")
        or (name.startswith("right_") and name != HAND[0])
    )


# Places of other things in MuJoCo's arrays, and what it computes of the whole model at compile time.
PLACES = ("id", "adr")
COMPUTED = ("subtreemass", "invweight0", "pos0", "poscom0", "mat0", "acc0", "length0", "trnid")


def assert_same(old: Any, new: Any) -> None:
    """Every array of two views of MuJoCo's models, but for places and what is computed."""
    for field in dir(old):
        value = getattr(old, field)
        if isinstance(value, np.ndarray) and field not in COMPUTED and not field.endswith(PLACES):
            np.testing.assert_array_equal(getattr(new, field), value, err_msg=f"{old.name}.{field}")


def shapes(model: Any) -> list[tuple[Any, ...]]:
    """What is said of each geom of the hand and of the task's objects."""
    rows = []
    for g in range(model.ngeom):
        geom, body = model.geom(g), model.body(model.geom_bodyid[g]).name
        if not of_sawyer(body) and not body.startswith(PREFIX):
            fields = (
                "type",
                "size",
                "pos",
                "friction",
                "solref",
                "solimp",
                "condim",
                "contype",
                "conaffinity",
            )
            rows.append((body, geom.name, *(tuple(getattr(geom, field).tolist()) for field in fields)))
    return rows


@pytest.mark.parametrize("robot", ARMS)
def test_an_arm_fills_seven_places_and_starts_at_its_home(robot: str) -> None:
    arm, model = read_arm(ModelFiles.read(MODELS / f"{robot}.xml")), composed(robot)
    assert [model.joint(j).name.startswith(PREFIX) for j in range(9)] == [True] * 7 + [False] * 2
    kinematics = ArmKinematics(model)
    np.testing.assert_allclose(kinematics.home, arm.home, atol=1e-12)
    assert all(joint.low < angle < joint.high for joint, angle in zip(arm.joints, arm.home, strict=True))
    assert np.linalg.norm(kinematics.error(kinematics.home, np.array(HAND_HOME_METRES))) < 1e-4
    apart, first, second = kinematics.deepest_contact(kinematics.home)
    assert apart > 0.02, f"{first} and {second} are {apart} m apart"


@pytest.mark.parametrize("robot", ARMS)
def test_links_have_their_mass_and_no_contacts(robot: str) -> None:
    model = composed(robot)
    for b in range(model.nbody):
        if model.body(b).name.startswith(PREFIX):
            assert model.body_mass[b] > 0
            assert (model.body_inertia[b] > 0).all()
            assert model.body_gravcomp[b] == 1
    for g in range(model.ngeom):
        if model.body(model.geom_bodyid[g]).name.startswith(PREFIX):
            assert model.geom_contype[g] == model.geom_conaffinity[g] == 0


def test_goals_and_spaces_do_not_depend_on_the_robot() -> None:
    for name in TASK_NAMES[:: len(ARMS)]:
        sawyer = make_environment(Task(env=name))
        for robot in ARMS:
            task = Task(env=name, robot=robot)
            np.testing.assert_array_equal(goal_vectors(task, 0, 5), goal_vectors(Task(env=name), 0, 5))
            environment = make_environment(task)
            assert environment.action_space == sawyer.action_space
            assert environment.sawyer_observation_space == sawyer.sawyer_observation_space


def test_each_robot_has_models_of_its_own_and_shares_them() -> None:
    panda, again, sawyer = (
        make_environment(Task(env="reach-v3", robot=r)) for r in ("panda", "panda", "sawyer")
    )
    assert panda.model is again.model
    assert panda.model is not sawyer.model


def test_kuka_is_iiwa() -> None:
    assert Task(env="reach-v3", robot="kuka") == Task(env="reach-v3", robot="iiwa")
    assert Task(env="reach-v3", robot="kuka").name == "reach-v3-iiwa"
