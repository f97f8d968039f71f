"""Every robot on MT10: the scripts' success, what the arm reaches, joint limits, speed, and a picture.

    OMP_NUM_THREADS=1 python benchmarks/robots.py [--goals 50] [--robots panda,ur10e] [--write]

One run measures all robots and Sawyer beside them. Success: of one scripted episode of 500 env steps a goal,
at any of its steps. Reach: of a goal, all places where the hand is in Sawyer's scripted episode until its
success, every 20 env steps and the last, taken with the fingers down within the joints' limits (5 mm and 2
degrees). Speed: env steps a second of CPU time against Sawyer's, the same actions, block by block in turn,
median of blocks. `--write` puts tables and pictures into docs/robots.md. Twenty minutes on one core.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from collectiverun_trainer.commands.robots import SAWYERS_MASS_KG
from collectiverun_trainer.config import ROBOTS, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.fast_stepping import FastEnvironment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.robots import MODELS
from collectiverun_trainer.environments.robots.arm import read_arm
from collectiverun_trainer.environments.robots.kinematics import ArmKinematics, Vector
from collectiverun_trainer.environments.robots.model_files import ModelFiles
from collectiverun_trainer.environments.robots.portrait import portrait
from collectiverun_trainer.environments.scripted import scripted_action

MT10 = (
    "reach", "push", "pick-place", "door-open", "drawer-open", "drawer-close", "button-press-topdown",
    "peg-insert-side", "window-open", "window-close",
)  # fmt: skip
PAGE = Path(__file__).parents[1] / "docs" / "robots.md"
HORIZON, PATH_STEPS, BLOCKS, BLOCK_STEPS = 500, 20, 7, 100
AT_LIMIT_RADIANS = 0.01
PICTURE_PIXELS = 240


@dataclass
class Measured:
    """What is measured of a robot over all tasks."""

    solved: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)  # metres between the hand and the mocap body
    at_limit: list[bool] = field(default_factory=list)  # of each env step
    fastest: float = 0.0  # rad/s
    warnings: int = 0
    ratios: list[float] = field(default_factory=list)


def play(task: Task, goals: np.ndarray, measured: Measured) -> list[np.ndarray]:
    """Scripted episodes of the goals; their outcome goes to `measured`. Returns the hand's places of each."""
    env, paths, solved = make_environment(task), [], 0
    model, data = env.model, env.data
    joints = [model.joint(j).id for j in arm_joints(model)]
    limited = [j for j in joints if model.jnt_limited[j]]
    addresses, (low, high) = model.jnt_qposadr[limited], model.jnt_range[limited].T
    for goal in goals:
        obs, path = begin_episode(env, goal), []
        for step in range(HORIZON):
            obs, _, _, _, info = env.step(scripted_action(task, obs))
            if step % PATH_STEPS == 0 or info["success"]:
                path.append(obs[:3].copy())
            angles = data.qpos[addresses]
            measured.at_limit.append(bool((np.minimum(angles - low, high - angles) < AT_LIMIT_RADIANS).any()))
            measured.lags.append(float(np.linalg.norm(data.mocap_pos[0] - obs[:3])))
            measured.fastest = max(measured.fastest, float(np.abs(data.qvel[model.jnt_dofadr[joints]]).max()))
            if info["success"]:
                solved += 1
                break
        measured.warnings += sum(warning.number for warning in data.warning)
        paths.append(np.array(path))
    measured.solved.append(solved)
    return paths


def arm_joints(model: Any) -> list[str]:
    names = [model.joint(j).name for j in range(model.njnt)]
    return [name for name in names if name.startswith(("arm/", "right_j"))]


def goals_in_reach(task: Task, paths: list[np.ndarray]) -> int:
    """How many of the goals the arm can follow Sawyer's hand to."""
    kinematics = ArmKinematics(make_environment(task).model)
    count = 0
    for path in paths:
        posture, reached = kinematics.home, True
        for place in path:
            found = kinematics.solve(place, start=posture, tries=4)
            reached = reached and found.reaches()
            if not reached:
                break
            posture = found.angles
        count += reached
    return count


def speed_ratios(name: str, robots: list[str]) -> dict[str, float]:
    """Env steps a CPU second of each robot over Sawyer's, the same actions for all."""
    environments = {robot: make_environment(Task(env=name, robot=robot)) for robot in ["sawyer", *robots]}
    medians = median_seconds(environments, goal_vectors(Task(env=name), 0, 1)[0])
    return {robot: medians["sawyer"] / medians[robot] for robot in robots}


def median_seconds(environments: dict[str, FastEnvironment], goal: Vector) -> dict[str, float]:
    """CPU seconds of each for `BLOCK_STEPS` random actions, the same for all; they take turns."""
    actions = np.random.default_rng(0).uniform(-1, 1, (BLOCK_STEPS, 4)).astype(np.float32)
    seconds: dict[str, list[float]] = {name: [] for name in environments}
    for _ in range(BLOCKS):
        for name, env in environments.items():
            begin_episode(env, goal)
            start = time.process_time()
            for action in actions:
                env.step(action)
            seconds[name].append(time.process_time() - start)
    return {name: float(np.median(each)) for name, each in seconds.items()}


def measure(robots: list[str], goals: int) -> dict[str, Measured]:
    all_measured = {robot: Measured() for robot in ["sawyer", *robots]}
    for short in MT10:
        name = f"{short}-v3"
        vectors = goal_vectors(Task(env=name), 0, 50)[:goals]
        paths = play(Task(env=name), vectors, all_measured["sawyer"])
        for robot in robots:
            play(Task(env=name, robot=robot), vectors, all_measured[robot])
            all_measured[robot].reached.append(goals_in_reach(Task(env=name, robot=robot), paths))
        for robot, ratio in speed_ratios(name, robots).items():
            all_measured[robot].ratios.append(ratio)
        print(short, {robot: each.solved[-1] for robot, each in all_measured.items()}, flush=True)
    return all_measured


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def described(robots: list[str]) -> str:
    rows = [
        [
            "![sawyer](robots/sawyer.png)",
            "`sawyer`",
            "Rethink Sawyer",
            "7",
            "–",
            "–",
            f"{SAWYERS_MASS_KG:.1f} kg",
            "Meta-World's own",
        ]
    ]
    for robot in robots:
        arm = read_arm(ModelFiles.read(MODELS / f"{robot}.xml"))
        rows.append([
            f"![{robot}](robots/{robot}.png)", f"`{robot}`", arm.title, str(len(arm.joints)),
            f"{arm.reach_metres:.3g} m", f"{arm.payload_kg:g} kg", f"{arm.mass_kg:.1f} kg", arm.source,
        ])  # fmt: skip
    return table(["", "name", "robot", "joints", "reach", "payload", "mass in the model", "source"], rows)


def successes(all_measured: dict[str, Measured], goals: int) -> str:
    rows = [
        [f"`{robot}`", *(mark(solved, goals) for solved in each.solved)]
        for robot, each in all_measured.items()
    ]
    return table([f"of {goals} goals", *MT10], rows)


def reaches(all_measured: dict[str, Measured], goals: int) -> str:
    rows = [
        [f"`{robot}`", *(mark(reached, goals) for reached in each.reached)]
        for robot, each in all_measured.items()
        if each.reached
    ]
    return table([f"of {goals} goals", *MT10], rows)


def mark(count: int, goals: int) -> str:
    """Bold where it is less than nine of ten."""
    return str(count) if count >= 0.9 * goals else f"**{count}**"


def motions(all_measured: dict[str, Measured]) -> str:
    rows = [
        [
            f"`{robot}`",
            f"{np.median(each.ratios):.2f} ({min(each.ratios):.2f} to {max(each.ratios):.2f})"
            if each.ratios
            else "1",
            f"{1000 * np.median(each.lags):.0f} mm",
            f"{100 * np.mean(each.at_limit):.1f} %",
            f"{each.fastest:.1f} rad/s",
            str(each.warnings),
        ]
        for robot, each in all_measured.items()
    ]
    head = [
        "robot",
        "speed against Sawyer's",
        "hand behind the mocap body, median",
        "env steps with a joint at its limit",
    ]
    return table([*head, "fastest joint", "MuJoCo's warnings"], rows)


def draw(robots: list[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for robot in ["sawyer", *robots]:
        picture = Image.fromarray(portrait(robot, PICTURE_PIXELS))
        picture.quantize(64).save(folder / f"{robot}.png", optimize=True)


def write(parts: dict[str, str]) -> None:
    """Put each part into the page, between the comments that name it."""
    text = PAGE.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        place = pattern.search(text)
        if place is None:
            raise SystemExit(f"{PAGE} has no place for {name}: write {begin} and {end} into it.")
        text = text.replace(place[0], f"{begin}\n{part}\n{end}")
    PAGE.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--goals", type=int, default=50)
    parser.add_argument("--robots", default=",".join(ROBOTS[1:]))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    robots = options.robots.split(",")
    all_measured = measure(robots, options.goals)
    packages = ("metaworld", "mujoco", "numpy", "scipy")
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {versions}"
    parts = {
        "the robots": described(robots),
        "success of the scripts": successes(all_measured, options.goals),
        "goals in reach": reaches(all_measured, options.goals),
        "in motion": motions(all_measured),
        "the machine": machine,
    }
    print(*parts.values(), sep="\n\n")
    if options.write:
        write(parts)
        draw(robots, PAGE.with_suffix(""))


if __name__ == "__main__":
    main()
