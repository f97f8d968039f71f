"""Which Jobs a run has, and which artifacts each phase reads."""

import pytest
from support.run_bodies import tasks
from unit_operator.builders import a_run, phase_named

from collectiverun_operator.api.members import inputs_of, is_enabled, members_of
from collectiverun_operator.api.phases import PHASES

FOUR = tasks("reach", "push", "door-open", "window-open")
HELD_OUT = [*tasks("reach", "push"), {"env": "window-open-v3", "holdout": True}]


def members(phase, **spec):
    run = a_run(**({"tasks": FOUR} | spec))
    found = members_of(run.spec, phase_named(phase))
    return {member.name: [task.env.removesuffix("-v3") for task in member.tasks] for member in found}


def experts(size):
    return {"phases": {"experts": {"tasksPerJob": size}}}


def students(*names, size=1):
    settings = {"enabled": True, "tasksPerJob": size, "params": {"tasks": tasks(*names)}}
    return {"phases": {"students": settings}}


MEMBERS = {
    "an expert a task": (
        "experts",
        {},
        {
            "reach-v3-sawyer": ["reach"],
            "push-v3-sawyer": ["push"],
            "door-open-v3-sawyer": ["door-open"],
            "window-open-v3-sawyer": ["window-open"],
        },
    ),
    "consecutive tasks in a group, the rest in the last": (
        "experts",
        experts(3),
        {"group-0": ["reach", "push", "door-open"], "group-1": ["window-open"]},
    ),
    "a group of all": ("experts", experts(64), {"group-0": ["reach", "push", "door-open", "window-open"]}),
    "no expert of a holdout": (
        "experts",
        {"tasks": HELD_OUT},
        {"reach-v3-sawyer": ["reach"], "push-v3-sawyer": ["push"]},
    ),
    "one distillation of all": (
        "onlineDistillation",
        {},
        {"all": ["reach", "push", "door-open", "window-open"]},
    ),
    "no holdout in the evaluation's tasks": ("evaluation", {"tasks": HELD_OUT}, {"all": ["reach", "push"]}),
    "no students unless asked for": ("students", {}, {}),
    "one encoder a seed": (
        "trajectoryTransformer",
        {"tasks": FOUR[:2], "seeds": [4, 2]},
        {"seed-4": ["reach", "push"], "seed-2": ["reach", "push"]},
    ),
    "experts of all seeds in one Job a task": (
        "experts",
        {"tasks": FOUR[:2], "seeds": [4, 2]},
        {"reach-v3-sawyer": ["reach"], "push-v3-sawyer": ["push"]},
    ),
    "a student a seed and task": (
        "students",
        students("reach") | {"tasks": FOUR[:2], "seeds": [4, 2]},
        {"seed-4-reach-v3-sawyer": ["reach"], "seed-2-reach-v3-sawyer": ["reach"]},
    ),
    "students in groups, each seed its own": (
        "students",
        students("reach", "door-open", "push", size=2) | {"seeds": [4, 2]},
        {
            "seed-4-group-0": ["reach", "push"],
            "seed-4-group-1": ["door-open"],
            "seed-2-group-0": ["reach", "push"],
            "seed-2-group-1": ["door-open"],
        },
    ),
    "a group of all students": (
        "students",
        {"tasks": HELD_OUT} | students(size=9),
        {"group-0": ["reach", "push"]},
    ),
    "one comparison of several seeds": (
        "comparison",
        {"tasks": FOUR[:2], "seeds": [4, 2]},
        {"all": ["reach", "push"]},
    ),
    "no comparison of one seed": ("comparison", {"seeds": [4]}, {}),
    "one seed in the list is as if it were the seed": (
        "evaluation",
        {"tasks": FOUR[:1], "seeds": [4]},
        {"all": ["reach"]},
    ),
    "a student a named task, in the run's order": (
        "students",
        students("door-open", "reach"),
        {"reach-v3-sawyer": ["reach"], "door-open-v3-sawyer": ["door-open"]},
    ),
    "a student of a holdout": (
        "students",
        {"tasks": HELD_OUT} | students("window-open"),
        {"window-open-v3-sawyer": ["window-open"]},
    ),
    "students of all training tasks if none is named": (
        "students",
        {"tasks": HELD_OUT} | students(),
        {"reach-v3-sawyer": ["reach"], "push-v3-sawyer": ["push"]},
    ),
}


@pytest.mark.parametrize(("phase", "spec", "expected"), MEMBERS.values(), ids=MEMBERS.keys())
def test_a_phase_has_these_members(phase, spec, expected):
    assert members(phase, **spec) == expected


ALL = {"refinement": {"enabled": True}, "students": {"enabled": True}}


@pytest.mark.parametrize(
    ("phases", "reader", "read"),
    [
        ({}, "experts", ()),
        ({}, "trajectoryTransformer", ("experts",)),
        ({}, "onlineDistillation", ("experts", "trajectoryTransformer")),
        (ALL, "refinement", ("onlineDistillation",)),
        (ALL, "students", ("refinement",)),
        ({"students": {"enabled": True}}, "students", ("onlineDistillation",)),
        ({}, "evaluation", ("experts", "trajectoryTransformer", "onlineDistillation")),
        (
            ALL,
            "evaluation",
            ("experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students"),
        ),
    ],
)
def test_a_phase_reads_what_the_enabled_ones_before_it_made(phases, reader, read):
    assert inputs_of(a_run(phases=phases).spec, phase_named(reader)) == read


def test_what_can_be_left_out_is_left_out_unless_it_is_asked_for():
    spec, optional = a_run().spec, {phase for phase in PHASES if "enabled" in phase.settings.model_fields}
    assert {"refinement", "students"} <= {phase.name for phase in optional}
    assert {phase for phase in PHASES if not is_enabled(spec, phase)} == optional
