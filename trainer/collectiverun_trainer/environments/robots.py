"""What a robot is to the environment: everything that builds or steps one asks here.

A robot that a run file may name (`config.names.ROBOTS`) but that is not described here is refused, never
simulated as another. The scaling of observations is no part of a robot: it is the same for all, so that no
statistic tells one from another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from collectiverun_trainer.errors import InvalidConfiguration


@dataclass(frozen=True)
class Robot:
    """One arm with a two-finger gripper whose hand follows a mocap body.

    The class that `stock_class` gives for a task says which MuJoCo model is loaded, where the hand starts
    (`hand_init_pos`), how far it may go (`mocap_low`, `mocap_high`) and how far an action moves it
    (`action_scale`). The names are those of the model.
    """

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


def _sawyer_class(env_name: str) -> type[Any]:
    stock: type[Any] = ALL_V3_ENVIRONMENTS[env_name]
    return stock


def _sawyer_policy(env_name: str) -> Any:
    from metaworld.policies import ENV_POLICY_MAP  # imported late: only demonstrations and scripts need it

    return ENV_POLICY_MAP[env_name]()


SAWYER: Final = Robot(
    stock_class=_sawyer_class,
    scripted_policy=_sawyer_policy,
    hand_quaternion=(1.0, 0.0, 1.0, 0.0),
    gripper_span_metres=0.1,
    hand="hand",
    claws=("rightclaw", "leftclaw"),
    finger_tips=("rightEndEffector", "leftEndEffector"),
    pads=("leftpad_geom", "rightpad_geom"),
)

BUILT: Final[dict[str, Robot]] = {"sawyer": SAWYER}


def robot(name: str) -> Robot:
    """The robot of that name.

    Raises:
        InvalidConfiguration: none is described here.
    """
    if name not in BUILT:
        raise InvalidConfiguration(
            f"The robot {name!r} is not built into this trainer, which has {', '.join(BUILT)}; "
            "name one of these in the run's tasks, or use an image of a trainer that has it."
        )
    return BUILT[name]
