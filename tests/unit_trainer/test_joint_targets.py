"""Targets of joints are the equation's (written in numpy here), within ranges and speeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from collectiverun_trainer.environments.joint_targets import joint_targets
from collectiverun_trainer.environments.robots.kinematics import METRES_PER_RADIAN

Vector = npt.NDArray[np.float64]
FREE = np.array([[-np.inf] * 7, [np.inf] * 7])
FAR_AHEAD = np.full(7, 1e9)
FIRST = 2  # columns of the Jacobian before the arm's


class Arm:
    """Seven joints at random: a Jacobian, angles, a home, and what the hand misses."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.whole = generator.normal(0, 0.4, (6, 15))
        self.angles, self.home = generator.uniform(-1, 1, (2, 7))
        self.error = generator.normal(0, 0.02, 6)

    def targets(self, ranges: Vector = FREE, ahead: Vector = FAR_AHEAD) -> Vector:
        written = np.zeros(7)
        joint_targets(self.whole, FIRST, self.error, self.angles, self.home, ranges, ahead, written)
        return written

    def by_hand(self, free: npt.NDArray[np.bool_], fixed: Vector) -> Vector:
        """The equation for the free joints, where the others change by `fixed`."""
        weights = np.array([1.0] * 3 + [METRES_PER_RADIAN] * 3)
        jacobian, wanted = self.whole[:, FIRST : FIRST + 7] * weights[:, None], self.error * weights
        wanted = wanted - jacobian @ np.where(free, 0, fixed)
        jacobian, homing = jacobian[:, free], 0.02 * (self.home - self.angles)[free]
        inverse = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + 0.03**2 * np.eye(6))
        change = np.where(free, 0, fixed)
        change[free] = inverse @ wanted + homing - inverse @ jacobian @ homing
        return self.angles + change


@pytest.mark.parametrize("seed", range(5))
def test_without_limits_they_are_the_equations(seed: int) -> None:
    arm = Arm(seed)
    expected = arm.by_hand(np.ones(7, dtype=bool), np.zeros(7))
    np.testing.assert_allclose(arm.targets(), expected, atol=1e-10)


@pytest.mark.parametrize("joint", range(7))
def test_the_others_make_up_for_a_joint_at_its_end(joint: int) -> None:
    arm = Arm(joint)
    change = arm.targets()[joint] - arm.angles[joint]
    ranges = FREE.copy()
    ranges[int(change > 0), joint] = end = arm.angles[joint] + change / 2
    free, fixed = np.arange(7) != joint, np.full(7, change / 2)
    targets = arm.targets(ranges)
    assert targets[joint] == pytest.approx(end, abs=1e-12)
    np.testing.assert_allclose(targets, arm.by_hand(free, fixed), atol=1e-10)


def test_no_joint_leaves_its_range_however_narrow() -> None:
    for seed in range(20):
        arm = Arm(seed)
        ranges = np.stack((arm.angles - 1e-3, arm.angles + 1e-3))
        targets = arm.targets(ranges)
        assert (targets >= ranges[0] - 1e-15).all() and (targets <= ranges[1] + 1e-15).all()


def test_if_one_joint_would_be_too_fast_all_slow_down_alike() -> None:
    arm = Arm(1)
    change = arm.targets() - arm.angles
    ahead = np.abs(change) * [1, 1, 1, 0.25, 1, 0.5, 1]
    np.testing.assert_allclose(arm.targets(ahead=ahead) - arm.angles, change / 4, atol=1e-15)


def test_near_a_singularity_joints_slow_down() -> None:
    arm = Arm(2)
    arm.home, arm.error = arm.angles.copy(), np.array([0.01, 0, 0, 0, 0, 0])
    for along in (1e-2, 1e-4, 1e-8):
        arm.whole[0] *= along / np.linalg.norm(arm.whole[0])
        assert np.abs(arm.targets() - arm.angles).max() < 0.01 / (2 * 0.03) + 1e-9
