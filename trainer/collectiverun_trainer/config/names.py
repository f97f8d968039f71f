"""Names of tasks and robots that a run file may use: plain data, so that nobody has to import Meta-World."""

from __future__ import annotations

# Sawyer is Meta-World's own; each other one is a file of environments/robots/models.
ROBOTS: tuple[str, ...] = ("sawyer", "panda", "ur5e", "ur10e", "iiwa", "xarm7", "gen3", "viperx", "z1")
# Other names that a run file may use, and what they mean everywhere else.
ROBOT_ALIASES: dict[str, str] = {"kuka": "iiwa"}

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
