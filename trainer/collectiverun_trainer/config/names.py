"""Names of tasks and robots that a run file may use: plain data, so that nobody has to import Meta-World."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

# Sawyer is Meta-World's own; each other one is a file of environments/robots/models.
ROBOTS: tuple[str, ...] = ("sawyer", "panda", "ur5e", "ur10e", "iiwa", "xarm7", "gen3", "viperx", "z1")
# Other names that a run file may use, and what they mean everywhere else.
ROBOT_ALIASES: dict[str, str] = {"kuka": "iiwa"}
# Of a run: the fifty tasks on two robots, and room for more. Statuses and phase orders are bounded by it.
TASK_LIMIT = 128
# What an arm that a run brings along may be called; it is part of the names of tasks, so of labels.
ROBOT_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
ROBOT_NAME_LIMIT = 32

# The fifty tasks of Meta-World v3, in the order of its own MT50 list of names.
TASK_NAMES: tuple[str, ...] = tuple(
    f"{name}-v3"
    for name in [
        "assembly",
        "basketball",
        "bin-picking",
        "box-close",
        "button-press-topdown",
        "button-press-topdown-wall",
        "button-press",
        "button-press-wall",
        "coffee-button",
        "coffee-pull",
        "coffee-push",
        "dial-turn",
        "disassemble",
        "door-close",
        "door-lock",
        "door-open",
        "door-unlock",
        "hand-insert",
        "drawer-close",
        "drawer-open",
        "faucet-open",
        "faucet-close",
        "hammer",
        "handle-press-side",
        "handle-press",
        "handle-pull-side",
        "handle-pull",
        "lever-pull",
        "pick-place-wall",
        "pick-out-of-hole",
        "pick-place",
        "plate-slide",
        "plate-slide-side",
        "plate-slide-back",
        "plate-slide-back-side",
        "peg-insert-side",
        "peg-unplug-side",
        "soccer",
        "stick-push",
        "stick-pull",
        "push",
        "push-wall",
        "push-back",
        "reach",
        "reach-wall",
        "shelf-place",
        "sweep-into",
        "sweep",
        "window-open",
        "window-close",
    ]
)


def robot_fault(name: str, own: Collection[str]) -> str:
    """What is wrong with the name of a robot, where a run brings those called `own` along; empty: nothing."""
    if name in ROBOTS or name in own:
        return ""
    return f"{name!r} {unknown_robot()}{suggestion(name, (*ROBOTS, *own))}"


def unknown_robot() -> str:
    """Behind the name of what is neither built in nor brought along."""
    return f"is no robot: it is not built in ({', '.join(ROBOTS)}), and robotModels has no arm of that name"


def is_robot_name(name: str) -> bool:
    """Whether an arm that a run brings along may be called so."""
    return len(name) <= ROBOT_NAME_LIMIT and re.fullmatch(ROBOT_NAME, name) is not None


def suggestion(name: str, names: Collection[str]) -> str:
    """What was probably meant, to put behind a sentence; empty if nothing is near."""
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
