"""What a robot is to the environment: everything that builds or steps one asks here.

A robot that a run file may name (`config.names.ROBOTS`) but that is not described here is refused, never
simulated as another. Sawyer is Meta-World's own, bit for bit. Every other robot is a file of `models/`, its
arm (`arm.py` says what the file must have), in Sawyer's place in Meta-World's models (`composing.py`); the
hand and all that is said of it here stays Meta-World's. So does every arm that a run brings along (`own.py`).
The scaling of observations is no part of a robot: it
is the same for all, so that no statistic tells one from another.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import mujoco

from collectiverun_trainer.config import ROBOTS
from collectiverun_trainer.environments.robots.arm import read_arm
from collectiverun_trainer.environments.robots.composing import compose
from collectiverun_trainer.environments.robots.model_files import ModelFiles
from collectiverun_trainer.environments.robots.own import adopted
from collectiverun_trainer.environments.robots.servos import driven_arm, driven_sawyer
from collectiverun_trainer.errors import InvalidConfiguration

MODELS: Final = Path(__file__).with_name("models")
"""Where the files of the robots are, `<name>.xml`; Sawyer has none."""


@dataclass(frozen=True)
class Robot:
    """One arm with a two-finger gripper whose hand follows a mocap body.

    The class that `stock_class` gives for a task says which file of Meta-World is loaded, where the hand
    starts (`hand_init_pos`), how far it may go (`mocap_low`, `mocap_high`) and how far an action moves it
    (`action_scale`). The names are those of the model.
    """

    model: Callable[[str], Any]
    """The `mujoco.MjModel` of a task's file of Meta-World, with this robot."""
    driven_model: Callable[[str], Any]
    """The same with motors in the arm's joints instead of the weld of hand and mocap body."""

    stock_class: Callable[[str], type[Any]]
    """Meta-World's class of a task, such as `reach-v3`, with this robot."""
    scripted_policy: Callable[[str], Any]
    """A new scripted policy that solves a task with this robot."""
    hand_quaternion: tuple[float, float, float, float]
    """Orientation the hand is held at."""
    gripper_span_metres: float
    """Distance of the claws at which the gripper counts as fully open."""
    hand: str
    """Body at the hand."""
    claws: tuple[str, str]
    """Bodies whose distance is the opening of the gripper."""
    finger_tips: tuple[str, str]
    """Sites between which the tool centre lies."""
    pads: tuple[str, str]
    """Geoms that touch what is gripped."""


# metaworld is imported late: a phase that only loads networks should not wait for it.
def _sawyer_class(env_name: str) -> type[Any]:
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS

    stock: type[Any] = ALL_V3_ENVIRONMENTS[env_name]
    return stock


def _sawyer_policy(env_name: str) -> Any:
    from metaworld.policies import ENV_POLICY_MAP

    # Scripts exceed the action limits and warn each time; `scripted_action` clips them.
    warnings.filterwarnings("ignore", message=r"Constant\(s\) may be too high", module=r"metaworld\.policies")
    return ENV_POLICY_MAP[env_name]()


def _sawyer_model(task_file: str) -> Any:
    return mujoco.MjModel.from_xml_path(task_file)


def _arms_model(arm: Callable[[], ModelFiles], task_file: str) -> Any:
    return compose(task_file, read_arm(arm()))


def _driven_arms_model(arm: Callable[[], ModelFiles], task_file: str) -> Any:
    return driven_arm(task_file, read_arm(arm()))


SAWYER: Final = Robot(
    model=_sawyer_model,
    driven_model=driven_sawyer,
    stock_class=_sawyer_class,
    scripted_policy=_sawyer_policy,
    hand_quaternion=(1.0, 0.0, 1.0, 0.0),
    gripper_span_metres=0.1,
    hand="hand",
    claws=("rightclaw", "leftclaw"),
    finger_tips=("rightEndEffector", "leftEndEffector"),
    pads=("leftpad_geom", "rightpad_geom"),
)


def with_arm(arm: Callable[[], ModelFiles]) -> Robot:
    """The robot that has an arm, whose files are asked for when a task's model is made."""
    return replace(SAWYER, model=partial(_arms_model, arm), driven_model=partial(_driven_arms_model, arm))


BUILT: Final[dict[str, Robot]] = {
    name: SAWYER if name == "sawyer" else with_arm(partial(ModelFiles.read, MODELS / f"{name}.xml"))
    for name in ROBOTS
}


def robot(name: str, digest: str | None = None) -> Robot:
    """The robot of that name.

    Args:
        name: as a task names it.
        digest: of its model (`own.adopt`), where the run brings it along; None: it is built in.

    Raises:
        InvalidConfiguration: it is neither described here, nor has its model been read.
    """
    if digest is not None:
        return _own(name, digest)
    if name not in BUILT:
        raise InvalidConfiguration(
            f"The robot {name!r} is not built into this trainer, which has {', '.join(BUILT)}; "
            "name one of these, give its model in robotModels, or use an image of a trainer"
            " that has it."
        )
    return BUILT[name]


@cache
def _own(name: str, digest: str) -> Robot:
    return with_arm(partial(adopted, name, digest))
