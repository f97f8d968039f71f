"""CEL rules about tasks, their robots, and the arms that a run brings along; see `consistency_rules.py`."""

from __future__ import annotations

from collections.abc import Iterator

from collectiverun_operator.api.robots import NEEDS_CONFIG_MAP
from collectiverun_operator.api.validation import BUILT_IN_NAME
from collectiverun_operator.manifests.rules import Rule
from collectiverun_trainer.config import ROBOT_ALIASES, ROBOTS, unknown_robot


def robot_rules() -> Iterator[Rule]:
    """Of a spec: each task's robot is built in, or brought along."""
    is_known = f"(t.robot in {[*ROBOTS, *ROBOT_ALIASES]} || self.robotModels.exists(m, m.name == t.robot))"
    yield Rule(
        "tasks",
        f"self.tasks.all(t, {is_known})",
        f"{{foreign}} {unknown_robot()}",
        {"foreign": f"self.tasks.filter(t, !{is_known}).map(t, t.robot)"},
        about=("tasks", "robotModels"),
    )


def robot_model_rules() -> Iterator[Rule]:
    """Of a spec: the arms that a run brings along."""
    models, is_built_in = "self.robotModels", f"(m.name in {[*ROBOTS, *ROBOT_ALIASES]})"
    yield Rule(
        "robotModels",
        f"{models}.all(m, !{is_built_in})",
        f"{{taken}} {BUILT_IN_NAME}",
        {"taken": f"{models}.filter(m, {is_built_in}).map(m, m.name)"},
        about=("robotModels",),
    )
    yield Rule(
        "robotModels",
        f"{models}.all(m, m.configMapName != '')",
        f"{{missing}} {NEEDS_CONFIG_MAP}",
        {"missing": f"{models}.filter(m, m.configMapName == '').map(m, m.name)"},
        about=("robotModels",),
    )


def student_rules() -> Iterator[Rule]:
    """Of a spec: students learn tasks of the run."""
    chosen = "self.phases.students.params.tasks"
    is_known = "self.tasks.exists(t, t.env == s.env && t.robot == s.robot)"
    yield Rule(
        "phases.students.params.tasks",
        f"{chosen}.all(s, {is_known})",
        "{foreign} is no task of this run, which has {known}",
        {
            "foreign": f"{chosen}.map(s, !{is_known}, s.env + '-' + s.robot)",
            "known": "self.tasks.map(t, t.env + '-' + t.robot)",
        },
        about=("tasks", "phases.students.params.tasks"),
    )
