"""What a report reads from the artifacts of earlier phases: metrics, costs, notes, versions, embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Task
from collectiverun_trainer.policy_files.kinds import expert_kind
from collectiverun_trainer.process.reporter import METRICS_NAME
from collectiverun_trainer.report.summary import ExpertSource, HistoryAccuracy, PhaseCost, QualityMetric

# The page draws every point: more would make it large and the map no clearer.
MAP_POINTS_PER_TASK = 150
_TASKS_AT_THE_END = re.compile(r": ([\w-]+-v3-[\w-]+(?:, [\w-]+-v3-[\w-]+)*)\.$")


@dataclass(frozen=True)
class EmbeddingMap:
    """Task embeddings in two dimensions: points (n, 2) and the index (n,) of each into `tasks`."""

    points: NDArray[np.float32]
    task_index: NDArray[np.int64]
    tasks: tuple[str, ...]


def metrics(artifacts: Iterable[Artifact]) -> list[dict[str, Any]]:
    """The metrics records of all members of a phase, in the order of the members."""
    return [record for artifact in artifacts for record in artifact.read_json_lines(METRICS_NAME)]


def cost(phase: str, artifacts: Sequence[Artifact]) -> PhaseCost:
    """Cost of a phase, summed over its members."""
    manifests = [artifact.manifest for artifact in artifacts]
    return PhaseCost(
        phase=phase,
        members=len(manifests),
        env_steps=sum(manifest["envSteps"] for manifest in manifests),
        wall_seconds=sum(manifest["wallSeconds"] for manifest in manifests),
        cpu_seconds=sum(manifest["cpuSeconds"] for manifest in manifests),
        gpu_seconds=sum(manifest["wallSeconds"] for manifest in manifests if manifest["device"] == "cuda"),
    )


def notes(artifacts: Iterable[Artifact]) -> list[str]:
    """The notes of phases, such as that refinement did not help."""
    return joined_notes(note for artifact in artifacts if (note := artifact.manifest["result"].get("note")))


def joined_notes(notes: Iterable[str]) -> list[str]:
    """Those of several members that differ in nothing but the tasks they end with are one, `…: a, b.`"""
    told: dict[str, list[str]] = {}
    for note in notes:
        ending = _TASKS_AT_THE_END.search(note)
        tasks = told.setdefault(note[: ending.start()] if ending else note, [])
        if ending:
            tasks.append(ending[1])
    return [f"{head}: {', '.join(tasks)}." if tasks else head for head, tasks in told.items()]


def version_notes(here: Mapping[str, str], artifacts: Iterable[Artifact]) -> list[str]:
    """A sentence for each package of which phases used different versions."""
    versions_of: dict[str, set[str]] = {name: {version} for name, version in here.items()}
    for artifact in artifacts:
        for name, version in artifact.manifest["versions"].items():
            versions_of.setdefault(name, set()).add(version)
    return [
        f"Phases of this run used different versions of {name}: {', '.join(sorted(versions))}."
        for name, versions in sorted(versions_of.items())
        if len(versions) > 1
    ]


def expert_sources(artifacts: Iterable[Artifact]) -> dict[Task, ExpertSource]:
    """Whether each task's expert was trained or is a scripted policy."""
    return {
        task: cast("ExpertSource", expert_kind(artifact, task))
        for artifact in artifacts
        for task in map(Task.model_validate, artifact.manifest["tasks"])
    }


def quality(artifact: Artifact) -> tuple[QualityMetric, ...]:
    """How well the encoder's embeddings separate tasks, compared with chance and an untrained encoder."""
    document = artifact.read_json("quality.json")
    untrained = {metric["name"]: metric["value"] for metric in document["untrained"]}
    return tuple(
        QualityMetric(**metric, untrained=untrained.get(metric["name"])) for metric in document["figures"]
    )


def accuracy_by_history(artifact: Artifact) -> tuple[HistoryAccuracy, ...]:
    """How early in an episode the embedding identifies the task."""
    return tuple(
        HistoryAccuracy(
            from_decisions=part["from"],
            to_decisions=part["to"],
            windows=part["windows"],
            accuracy=part["accuracy"],
        )
        for part in artifact.read_json("quality.json")["byCompletedDecisions"]
    )


def accuracy_by_task(artifact: Artifact) -> dict[str, float]:
    """kNN accuracy of each task's windows; empty where one task leaves nothing to tell apart."""
    by_task: dict[str, float] = artifact.read_json("quality.json")["byTask"]
    return by_task if len(by_task) > 1 else {}


def accuracy_by_robot(artifact: Artifact) -> dict[str, float]:
    """kNN task accuracy among each robot's windows, where it has several tasks; empty with one robot."""
    by_robot = artifact.read_json("quality.json")["byRobot"]
    told = {
        robot: float(metric["value"])
        for robot, metrics in by_robot.items()
        for metric in metrics
        if metric["name"] == "kNN task accuracy"
    }
    return told if len(by_robot) > 1 else {}


def embedding_map(artifact: Artifact) -> EmbeddingMap:
    """The encoder's map of held-out windows, thinned evenly to what the page can show."""
    tensors = artifact.read_tensors("embeddings.safetensors")
    tasks = tuple(artifact.read_json("embeddings.json")["tasks"])
    task_index = tensors["task"].numpy()
    stride = -(-len(task_index) // (MAP_POINTS_PER_TASK * len(tasks)))
    return EmbeddingMap(tensors["map2d"].numpy()[::stride], task_index[::stride], tasks)


def parameter(artifacts: Sequence[Artifact], name: str) -> str:
    """A parameter of a phase, equal for all its members; '' where the run has no such phase."""
    return str(artifacts[0].manifest["config"]["params"][name]) if artifacts else ""
