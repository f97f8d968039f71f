"""The quick class of each Meta-World task, derived from the stock one; nothing of metaworld is patched.

`FastEnvironment` overrides methods of `SawyerXYZEnv`, which every task of Meta-World is made from. In
`type(name, (stock, FastEnvironment), …)` Python puts it between the task's class and `SawyerXYZEnv`, so
whatever a task overrides itself stays in force. Functions of the task's class are copied with the names
`reward_utils`, `tolerance` and `Rotation` bound to the quick versions of `reward_arithmetic`. Stock classes
work unchanged beside these in one process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any, Final, cast

from metaworld.sawyer_xyz_env import SawyerXYZEnv
from metaworld.utils import reward_utils

from collectiverun_trainer.config import Control, Task
from collectiverun_trainer.environments.fast_stepping import FastEnvironment
from collectiverun_trainer.environments.joint_stepping import JointEnvironment
from collectiverun_trainer.environments.reward_arithmetic import Rotation, tolerance
from collectiverun_trainer.environments.robots import robot

_QUICK = {
    "Rotation": Rotation,
    "tolerance": tolerance,
    "reward_utils": SimpleNamespace(**{**vars(reward_utils), "tolerance": tolerance}),
}


def fast_environment_class(
    task: Task, model: str | None = None, control: Control = "hand"
) -> type[FastEnvironment]:
    """The quick class of a task with its robot; InvalidConfiguration if the robot is not built.

    `model` is the digest of the robot's model, where it is none that is built in; `control` is that of
    `EnvironmentParams`.
    """
    return _quick_class(task.env, task.robot, model, control)


_BASES: Final[dict[Control, type[FastEnvironment]]] = {"hand": FastEnvironment, "joint": JointEnvironment}


@cache
def _quick_class(env: str, arm: str, model: str | None, control: Control) -> type[FastEnvironment]:
    built = robot(arm, model)
    stock = built.stock_class(env)
    return type(f"Fast{stock.__name__}", (stock, _BASES[control]), _quick_members(stock) | {"robot": built})


def _quick_members(stock: type) -> dict[str, Any]:
    members: dict[str, Any] = {"_gripper_caging_reward": _quickened(SawyerXYZEnv._gripper_caging_reward)}
    for name, value in vars(stock).items():
        if isinstance(value, staticmethod):
            members[name] = staticmethod(_quickened(value.__func__))
        elif isinstance(value, FunctionType):
            members[name] = _quickened(value)
    return members


def _quickened(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of the function that finds the quick versions under the names of `_QUICK`."""
    # The check that `assert_task_is_set` adds is not needed: the function it wraps is its closure's `func`.
    plain = cast("FunctionType", inspect.getclosurevars(function).nonlocals.get("func", function))
    names = {**plain.__globals__, **_QUICK}
    copy = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__kwdefaults__ = plain.__kwdefaults__
    return copy
