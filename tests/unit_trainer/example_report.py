"""A report of made-up numbers, for tests of how reports are made and for looking at one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.order import RunIdentity
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.headline import findings, headline
from collectiverun_trainer.report.page import Report, VideoPanel
from collectiverun_trainer.report.reading import EmbeddingMap
from collectiverun_trainer.report.summary import (
    HistoryAccuracy,
    Machine,
    PhaseCost,
    QualityMetric,
    Summary,
    pooled,
    retention,
    student_gain,
    task_table,
)
from collectiverun_trainer.report.video import animate
from collectiverun_trainer.rollouts.outcomes import Outcomes

STUDENTS = ("students", "controls")
UNSEEN = Task(env="door-close-v3")
TASKS = tuple(Task(env=env) for env in ("reach-v3", "drawer-close-v3", "handle-press-side-v3"))


def outcomes(task: Task, any_step: int, at_end: int, episodes: int = 50) -> Outcomes:
    """`any_step` and `at_end` successes in `episodes`."""
    index = np.arange(episodes)
    return Outcomes(
        task=task, any_step=index < any_step, at_end=index < at_end, returns=index.astype(np.float32)
    )


def example_outcomes(tasks: Sequence[Task] = TASKS) -> dict:
    """Outcomes of all networks on `tasks`; students on the first task only."""
    counts = {"experts": (49, 46), "collective": (47, 43), "zero": (31, 22), "shuffled": (20, 11)}
    found = {
        name: {
            task: outcomes(task, any_step - 2 * (i % 4), at_end - 3 * (i % 3)) for i, task in enumerate(tasks)
        }
        for name, (any_step, at_end) in counts.items()
    }
    found["students"] = {tasks[0]: outcomes(tasks[0], 48, 45)}
    found["controls"] = {tasks[0]: outcomes(tasks[0], 41, 37)}
    return found


def example_summary(tasks: Sequence[Task] = TASKS) -> Summary:
    """A run with every phase."""
    found = example_outcomes(tasks)
    overall = pooled(found, tasks)
    phases = (
        "experts",
        "trajectoryTransformer",
        "onlineDistillation",
        "refinement",
        "students",
        "evaluation",
    )
    summary = Summary(
        run=RunIdentity(namespace="default", name="quickstart", uid="4b0c7bb2-9d5e-5a9b-8f43-b8f7a90fdb2c"),
        seed=1,
        environment=EnvironmentSettings(horizon_env_steps=200),
        success={name: score.success for name, score in overall.items()},
        overall=overall,
        retention=retention(overall),
        tasks=task_table(found, tasks, {}),
        holdout=task_table({"collective": {UNSEEN: outcomes(UNSEEN, 12, 4)}}, [UNSEEN], {}),
        students=(
            student_gain(tasks[0], "shaping", *(c for c in example_curves(tasks) if c.series in STUDENTS)),
        ),
        embedding=(
            QualityMetric(name="kNN task accuracy", value=0.992, chance=1 / len(tasks), untrained=0.91),
            QualityMetric(name="linear probe", value=0.998, chance=1 / len(tasks), untrained=0.95),
            QualityMetric(name="silhouette", value=0.713, chance=0.0, untrained=0.12),
            QualityMetric(name="retrieval@10", value=0.987, chance=1 / len(tasks), untrained=0.88),
            QualityMetric(name="distance within a task", value=0.21, chance=0.98, untrained=0.7),
            QualityMetric(name="distance between tasks", value=1.39, chance=0.98, untrained=1.1),
        ),
        embedding_positives="sameTask",
        embedding_by_history=(
            HistoryAccuracy(from_decisions=0, to_decisions=0, windows=7, accuracy=0.333),
            HistoryAccuracy(from_decisions=1, to_decisions=4, windows=22, accuracy=0.909),
            HistoryAccuracy(from_decisions=20, to_decisions=99, windows=471, accuracy=1.0),
        ),
        phases=tuple(
            PhaseCost(phase=name, members=3 if name == "experts" else 1, env_steps=60_000 * (6 - i),
                      wall_seconds=310.0 / (i + 1), cpu_seconds=300.0 / (i + 1))
            for i, name in enumerate(phases)
        ),
        notes=("Refinement did not help: the collective is published unchanged.",),
        versions={"torch": "2.13.0", "metaworld": "3.1.1", "mujoco": "3.3.0", "python": "3.11.7"},
        machine=Machine(platform="Linux 6.1 x86_64", processor="Intel Xeon 2.1 GHz", cores=2, device="cpu"),
        inputs={"experts/reach-v3-sawyer": "ab" * 32, "trajectoryTransformer/all": "cd" * 32},
        spec={"seed": 1, "tasks": [{"env": task.env, "robot": task.robot} for task in tasks],
              "environment": {"horizonEnvSteps": 200, "actionRepeat": 2, "goals": 50, "goalSeed": 0}},
    )  # fmt: skip
    return summary.model_copy(update={"headline": headline(summary), "findings": findings(summary)})


def example_report(tasks: Sequence[Task] = TASKS) -> Report:
    """A report with every section."""
    generator = np.random.default_rng(7)
    centres = generator.normal(size=(len(tasks), 2)) * 8
    task_index = np.repeat(np.arange(len(tasks)), 120)
    points = centres[task_index] + generator.normal(size=(len(task_index), 2))
    return Report(
        summary=example_summary(tasks),
        curves=example_curves(tasks),
        embedding_map=EmbeddingMap(points.astype(np.float32), task_index, tuple(task.name for task in tasks)),
        videos=[_video(task, shade) for shade, task in enumerate(tasks)],
    )


def example_curves(tasks: Sequence[Task]) -> list[Curve]:
    """Curves that rise, of every series; students and controls on the first task only, students earlier."""
    middles = {"experts": 9000, "collective": 7000, "students": 5000, "controls": 12_000}
    return [
        _curve(series, task, middle + 1500 * place)
        for series, middle in middles.items()
        for place, task in enumerate(tasks[:1] if series in STUDENTS else tasks)
    ]


def _curve(series: str, task: Task, middle: float) -> Curve:
    env_steps = np.arange(2000, 22_000, 2000)
    any_step = np.round(1 / (1 + np.exp(-(env_steps - middle) / 1500)), 1)
    at_end = np.round(any_step * 0.8, 1)
    return Curve(
        series, task.name, tuple(env_steps.tolist()), tuple(any_step.tolist()), tuple(at_end.tolist())
    )


def _video(task: Task, shade: int) -> VideoPanel:
    frames = np.full((6, 64, 64, 3), 60 * (shade % 4), dtype=np.uint8)
    frames[np.arange(6), 30:40, np.arange(6) * 10] = 255
    return VideoPanel(
        task=task,
        video=animate(frames, frames_per_second=10),
        goal=0,
        succeeded_at_any_step=True,
        succeeded_at_end=shade != 1,
    )
