"""Every robot on MT10 with `environment.control: joint`: the scripts' success, limits and cost.

    OMP_NUM_THREADS=1 python benchmarks/robots_by_joints.py [--goals 50] [--robots sawyer,ur10e] [--write]

Success: of one scripted episode of 500 env steps a goal, at any of its steps. At a limit: share of env steps
whose end finds a joint's motor at its torque limit, or its target as far ahead as its speed limit lets it.
Cost: CPU time of an env step over that with control by the hand, the same actions, block by block in turn,
median of blocks. `--write` puts the tables into docs/robots.md. Four minutes of CPU time.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from robots import HORIZON, MT10, mark, median_seconds, table, write

from collectiverun_trainer.config import ROBOTS, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.robots.kinematics import arm_joints
from collectiverun_trainer.environments.robots.servos import GRIPPER_ACTUATORS, LAG_SECONDS
from collectiverun_trainer.environments.scripted import scripted_action

NEARLY = 0.999


@dataclass
class Measured:
    """What is measured of a robot over all tasks."""

    solved: list[int] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)  # metres between the hand and its command
    weak: list[bool] = field(default_factory=list)  # of each env step: a motor at its torque limit
    slow: list[bool] = field(default_factory=list)  # … a target as far ahead as the speed limit allows
    fastest: float = 0.0  # over the joint's speed limit
    strongest: float = 0.0  # over the joint's torque limit
    beyond: float = -np.inf  # rad, out of a joint's range
    warnings: int = 0
    ratios: list[float] = field(default_factory=list)


class Limits:
    """What a model says of its joints, and how near the state is to it."""

    def __init__(self, model: Any) -> None:
        joints = arm_joints(model)
        self.places, self.limited = model.jnt_dofadr[joints], model.jnt_limited[joints].astype(bool)
        self.low, self.high = model.jnt_range[joints].T
        self.torque = model.jnt_actfrcrange[joints, 1]
        self.speed = model.actuator_user[GRIPPER_ACTUATORS:, 0]

    def look(self, data: Any, measured: Measured) -> None:
        angles = data.qpos[self.places]
        torque = np.abs(data.qfrc_actuator[self.places]) / self.torque
        measured.weak.append(bool((torque > NEARLY).any()))
        measured.strongest = max(measured.strongest, float(torque.max()))
        measured.fastest = max(measured.fastest, float((np.abs(data.qvel[self.places]) / self.speed).max()))
        beyond = np.maximum(self.low - angles, angles - self.high)[self.limited]
        measured.beyond = max(measured.beyond, float(beyond.max()))

    def is_slow(self, before: np.ndarray, targets: np.ndarray) -> bool:
        """Whether the targets set from angles `before` were as far ahead as the speed limits allow."""
        return bool((np.abs(targets - before) > NEARLY * self.speed * LAG_SECONDS).any())


def play(task: Task, goals: np.ndarray, measured: Measured) -> None:
    env, solved = make_environment(task, control="joint"), 0
    limits, data = Limits(env.model), env.data
    for goal in goals:
        obs = begin_episode(env, goal)
        for _ in range(HORIZON):
            before = data.qpos[limits.places]
            obs, _, _, _, info = env.step(scripted_action(task, obs))
            measured.slow.append(limits.is_slow(before, data.ctrl[GRIPPER_ACTUATORS:]))
            measured.behind.append(float(np.linalg.norm(data.mocap_pos[0] - obs[:3])))
            limits.look(data, measured)
            if info["success"]:
                solved += 1
                break
        measured.warnings += sum(warning.number for warning in data.warning)
    measured.solved.append(solved)


def cost(task: Task) -> float:
    """CPU time of an env step over that with control by the hand."""
    environments = {"hand": make_environment(task), "joint": make_environment(task, control="joint")}
    medians = median_seconds(environments, goal_vectors(task, 0, 1)[0])
    return medians["joint"] / medians["hand"]


def measure(robots: list[str], goals: int) -> dict[str, Measured]:
    all_measured = {robot: Measured() for robot in robots}
    for short in MT10:
        for robot, measured in all_measured.items():
            task = Task(env=f"{short}-v3", robot=robot)
            play(task, goal_vectors(task, 0, 50)[:goals], measured)
            measured.ratios.append(cost(task))
        print(short, {robot: each.solved[-1] for robot, each in all_measured.items()}, flush=True)
    return all_measured


def successes(all_measured: dict[str, Measured], goals: int) -> str:
    rows = [
        [f"`{robot}`", *(mark(solved, goals) for solved in each.solved)]
        for robot, each in all_measured.items()
    ]
    return table([f"of {goals} goals", *MT10], rows)


def motions(all_measured: dict[str, Measured]) -> str:
    rows = [
        [
            f"`{robot}`",
            f"{np.median(each.ratios):.2f} ({min(each.ratios):.2f} to {max(each.ratios):.2f})",
            f"{1000 * np.median(each.behind):.0f} mm",
            f"{100 * np.mean(each.slow):.0f} %",
            f"{100 * np.mean(each.weak):.0f} %",
            f"{each.fastest:.2f}",
            f"{each.strongest:.2f}",
            f"{max(each.beyond, 0.0):.3f} rad",
            str(each.warnings),
        ]
        for robot, each in all_measured.items()
    ]
    return table(
        [
            "robot", "CPU time over hand's", "hand behind its command, median", "at a speed limit",
            "at a torque limit", "greatest speed", "greatest torque", "beyond a range", "MuJoCo's warnings",
        ],
        rows,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--goals", type=int, default=50)
    parser.add_argument("--robots", default=",".join(ROBOTS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    all_measured = measure(options.robots.split(","), options.goals)
    parts = {
        "success by joints": successes(all_measured, options.goals),
        "in motion by joints": motions(all_measured),
    }
    print(*parts.values(), sep="\n\n")
    if options.write:
        write(parts)


if __name__ == "__main__":
    main()
