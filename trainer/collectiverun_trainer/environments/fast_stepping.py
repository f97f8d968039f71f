"""Meta-World's Sawyer environments with the same arithmetic and less Python.

Stock environments spend most of a step outside the physics: looking names up, walking over contacts,
scipy's rotations of one matrix, numpy on scalars. `fast_environment_class` derives a class from a stock
task class in which those parts are rewritten; observations, rewards and success stay bit-identical
(tests/unit_trainer/test_fast_stepping_parity.py compares all fifty tasks). Nothing of metaworld is
patched: stock classes work beside these in one process.

How the derived class comes about:

* `FastSawyerEnv` overrides methods of `SawyerXYZEnv`. In `type(name, (stock, FastSawyerEnv), …)` Python
  puts it between the task's class and `SawyerXYZEnv`, so whatever a task overrides itself stays in force.
* Functions of a task's class that use `reward_utils`, `tolerance` or `Rotation` are copied with those
  global names bound to the quick ones below.
* Environments of one task share one MuJoCo model (20 MB each). A goal changes body and site positions
  in the model only; each environment keeps its own and puts them in place when it takes its turn.
  Environments are therefore for one thread.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any, cast

import mujoco
import numpy as np
import numpy.typing as npt
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from metaworld.utils import reward_utils

Vector = npt.NDArray[np.float64]

# Large enough for any picture the parameters allow; a frame buffer is made only when a picture is drawn.
FRAME_BUFFER_PIXELS = 1024

_GRIPPER_DOWN = np.array([1.0, 0.0, 1.0, 0.0])  # the quaternion every Meta-World hand is held at
_GRIPPER_SPAN_METRES = 0.1
_SETTLING_STEPS = 50


class SharedModel:
    """One task's compiled MuJoCo model, used in turn by all environments of the task."""

    def __init__(self, path: str) -> None:
        self.model = mujoco.MjModel.from_xml_path(path)
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = FRAME_BUFFER_PIXELS
        self.model.vis.quality.offsamples = 0
        self.body_pos: Vector = self.model.body_pos  # views of the model's memory
        self.site_pos: Vector = self.model.site_pos
        self.first_body_pos = self.body_pos.copy()
        self.first_site_pos = self.site_pos.copy()
        self.user: object | None = None

    @cache  # noqa: B019 - as many entries as the model has names, and models live as long as the process
    def index(self, kind: str, name: str) -> int:
        """Row of a named body, site or geom in MuJoCo's arrays; KeyError where the model has none."""
        return int(getattr(self.model, kind)(name).id)


@cache
def shared_model(path: str) -> SharedModel:
    """The model of an XML file, compiled once a process."""
    return SharedModel(path)


class FastSawyerEnv(SawyerXYZEnv):  # type: ignore[misc]  # metaworld has no types
    """Quick versions of `SawyerXYZEnv`'s methods; see the module's docstring."""

    _prev_obs: Vector

    def _initialize_simulation(self) -> tuple[Any, Any]:
        self._shared = shared_model(self.fullpath)
        self._body_pos = self._shared.first_body_pos.copy()
        self._site_pos = self._shared.first_site_pos.copy()
        self._place()
        data = mujoco.MjData(self._shared.model)
        self._xpos: Vector = data.xpos
        self._site_xpos: Vector = data.site_xpos
        return self._shared.model, data

    def _place(self) -> None:
        """Put this environment's own body and site positions in the shared model."""
        self._shared.body_pos[:] = self._body_pos
        self._shared.site_pos[:] = self._site_pos
        self._shared.user = self

    def take_turn(self) -> None:
        """Make the shared model this environment's; needed before anything that reads the model."""
        if self._shared.user is not self:
            self._place()

    def get_body_com(self, body_name: str) -> Vector:
        return self._xpos[self._shared.index("body", body_name)]

    def get_endeff_pos(self) -> Vector:
        return self._xpos[self._shared.index("body", "hand")]

    @property
    def tcp_center(self) -> Vector:
        index, sites = self._shared.index, self._site_xpos
        return (sites[index("site", "rightEndEffector")] + sites[index("site", "leftEndEffector")]) / 2.0

    def _get_site_pos(self, site_name: str) -> Vector:
        return self._site_xpos[self._shared.index("site", site_name)].copy()

    def _set_pos_site(self, name: str, pos: Vector) -> None:
        self._site_xpos[self._shared.index("site", name)] = pos[:3]

    def touching_object(self, object_geom_id: int) -> bool:
        if self.data.ncon == 0:
            return False
        pads = (self._shared.index("geom", "leftpad_geom"), self._shared.index("geom", "rightpad_geom"))
        contact, efc_force = self.data.contact, self.data.efc_force
        forces = [0.0, 0.0]
        for row, geoms in enumerate(contact.geom.tolist()):
            if object_geom_id in geoms:
                for side, pad in enumerate(pads):
                    if pad in geoms:
                        forces[side] += efc_force[contact.efc_address[row]]
        return forces[0] > 0 and forces[1] > 0

    def set_xyz_action(self, action: npt.NDArray[np.float32]) -> None:
        hand = self.data.mocap_pos
        moved = hand[0] + np.clip(action, -1, 1) * self.action_scale
        np.maximum(moved, self.mocap_low, out=moved)
        np.minimum(moved, self.mocap_high, out=hand[0])
        self.data.mocap_quat[:] = _GRIPPER_DOWN

    def _get_curr_obs_combined_no_goal(self) -> Vector:
        index = self._shared.index
        apart = self._xpos[index("body", "rightclaw")] - self._xpos[index("body", "leftclaw")]
        frame = np.zeros(18)
        frame[:3] = self._xpos[index("body", "hand")]
        frame[3] = min(max(math.sqrt(apart.dot(apart)) / _GRIPPER_SPAN_METRES, 0.0), 1.0)
        positions, quaternions = self._get_pos_objects(), self._get_quat_objects()
        for k in range(len(positions) // 3):
            frame[4 + 7 * k : 7 + 7 * k] = positions[3 * k : 3 * k + 3]
            frame[7 + 7 * k : 11 + 7 * k] = quaternions[4 * k : 4 * k + 4]
        return frame

    def _get_obs(self) -> Vector:
        obs = np.empty(39)
        frame = self._get_curr_obs_combined_no_goal()
        obs[:18], obs[18:36], obs[36:] = frame, self._prev_obs, self._get_pos_goal()
        self._prev_obs = frame
        return obs

    def _reset_hand(self, steps: int = _SETTLING_STEPS) -> None:
        # Target and control do not change while the hand settles, so all physics steps are one call.
        self.data.mocap_pos[:] = self.hand_init_pos
        self.data.mocap_quat[:] = _GRIPPER_DOWN
        self.data.ctrl[:] = (-1.0, 1.0)
        mujoco.mj_step(self.model, self.data, steps * self.frame_skip)
        self.init_tcp = self.tcp_center

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode with the goal in `_last_rand_vec`; what happened before leaves no trace."""
        self._body_pos[:] = self._shared.first_body_pos
        self._site_pos[:] = self._shared.first_site_pos
        self._place()
        obs, info = super().reset()
        self._body_pos[:] = self._shared.body_pos
        self._site_pos[:] = self._shared.site_pos
        return obs, info

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """One env step. Never terminates or truncates: the caller keeps the horizon."""
        self.take_turn()
        self.set_xyz_action(action[:3])
        self.data.ctrl[:] = (action[3], -action[3])
        mujoco.mj_step(self.model, self.data, self.frame_skip)
        for name, position in self._target_site_config:
            self._set_pos_site(name, position)
        mujoco.mj_forward(self.model, self.data)
        obs = self._get_obs()
        np.maximum(obs, self.sawyer_observation_space.low, out=obs)
        np.minimum(obs, self.sawyer_observation_space.high, out=obs)
        reward, info = self.evaluate_state(obs, action)
        return obs, reward, False, False, info


def tolerance(
    x: Any,
    bounds: tuple[float, float] = (0.0, 0.0),
    margin: float = 0.0,
    sigmoid: str = "gaussian",
    value_at_margin: float = 0.1,
) -> Any:
    """`metaworld.utils.reward_utils.tolerance`, quick for the long-tailed sigmoid of one number."""
    if sigmoid != "long_tail" or not isinstance(x, float):
        return reward_utils.tolerance(x, bounds, margin, sigmoid, value_at_margin)
    lower, upper = bounds
    if lower > upper or margin < 0:
        raise ValueError(f"tolerance needs lower <= upper and margin >= 0, got {bounds!r} and {margin!r}")
    if lower <= x <= upper:
        return 1.0
    if margin == 0:
        return 0.0
    distance = (lower - x if x < lower else x - upper) / margin
    return 1 / ((float(distance) * _long_tail_scale(value_at_margin)) ** 2 + 1)


@cache
def _long_tail_scale(value_at_margin: float) -> float:
    return float(np.sqrt(1 / value_at_margin - 1))


class _Quaternion:
    """What `Rotation.from_matrix` returns, as far as Meta-World uses it."""

    def __init__(self, quaternion: Vector) -> None:
        self.quaternion = quaternion

    def as_quat(self) -> Vector:
        return self.quaternion


class _Rotation:
    """`scipy.spatial.transform.Rotation` for one rotation matrix of MuJoCo's, which is always orthogonal."""

    @staticmethod
    def from_matrix(matrix: Vector) -> _Quaternion:
        """Markley's method (doi:10.2514/1.31730) in scipy's order of operations, so that bits agree."""
        (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
        trace = a + e + i
        largest = max(a, e, i, trace)
        if a == largest:
            q = (1 - trace + 2 * a, d + b, g + c, h - f)
        elif e == largest:
            q = (b + d, 1 - trace + 2 * e, h + f, c - g)
        elif i == largest:
            q = (c + g, f + h, 1 - trace + 2 * i, d - b)
        else:
            q = (h - f, c - g, d - b, 1 + trace)
        norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        return _Quaternion(np.array([q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm]))


_QUICK: dict[str, object] = {
    "Rotation": _Rotation,
    "tolerance": tolerance,
    "reward_utils": SimpleNamespace(
        tolerance=tolerance,
        hamacher_product=reward_utils.hamacher_product,
        inverse_tolerance=reward_utils.inverse_tolerance,
        rect_prism_tolerance=reward_utils.rect_prism_tolerance,
    ),
}


def _quickened(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with the names of `_QUICK` bound to the quick versions."""
    function = inspect.getclosurevars(function).nonlocals.get("func", function)  # under assert_task_is_set
    plain = cast("FunctionType", function)
    names = {**plain.__globals__, **_QUICK}
    copy = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__kwdefaults__ = plain.__kwdefaults__
    return copy


def _quick_members(stock: type) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in vars(stock).items():
        if isinstance(value, staticmethod):
            members[name] = staticmethod(_quickened(value.__func__))
        elif isinstance(value, FunctionType):
            members[name] = _quickened(value)
    return members


FastSawyerEnv._gripper_caging_reward = _quickened(SawyerXYZEnv._gripper_caging_reward)


@cache
def fast_environment_class(env_name: str) -> type[FastSawyerEnv]:
    """The quick class of a Meta-World task such as `reach-v3`."""
    stock = ALL_V3_ENVIRONMENTS[env_name]
    return type(f"Fast{stock.__name__}", (stock, FastSawyerEnv), _quick_members(stock))
