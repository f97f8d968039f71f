"""The files of learners: experts, students and their controls, in a folder for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, SACParams, StudentsParams, Task
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.experts.stacked import ScriptedExperts, StackedExperts, TrainedExperts
from collectiverun_trainer.order import ArtifactReference, Success
from collectiverun_trainer.policy_files.common import CPU, EVALUATION, mismatch
from collectiverun_trainer.rollouts.outcomes import Outcomes
from collectiverun_trainer.rollouts.policy import ActorPolicy, Policy
from collectiverun_trainer.sac.networks import State

if TYPE_CHECKING:  # who reads these files need not learn: compiled gradient steps take half a second to load
    from collectiverun_trainer.learning.learner import Learner, Role

Inputs: TypeAlias = Sequence[tuple[ArtifactReference, Artifact]]

_PREFIX: Final[dict[Role, str]] = {"expert": "", "student": "", "control": "control_"}
"""What the names of a learner's files begin with, in its task's folder."""


def write_expert(writer: ArtifactWriter, expert: Learner, params: ExpertsParams) -> None:
    """A trained expert: policy.safetensors, critic.safetensors, policy.json."""
    _write_learner(writer, expert, params, {}, {"trainedEnvSteps": expert.env_steps})


def write_scripted_expert(writer: ArtifactWriter, task: Task) -> None:
    """policy.json alone: the policy is code."""
    writer.add_json(f"{task.name}/policy.json", {"kind": "scripted", "task": _task_document(task)})


def write_imported_expert(
    writer: ArtifactWriter,
    task: Task,
    networks: tuple[State, State],
    params: SACParams,
    about: Mapping[str, Any],
) -> None:
    """An expert that was trained elsewhere, as `write_expert`; `networks`: its actor and its critics."""
    actor, critics = networks
    writer.add_tensors(f"{task.name}/policy.safetensors", actor)
    writer.add_tensors(f"{task.name}/critic.safetensors", critics)
    document = {"kind": "sac", **_networks_document(task, params), "imported": dict(about)}
    writer.add_json(f"{task.name}/policy.json", document)


def write_student(writer: ArtifactWriter, learner: Learner, params: StudentsParams) -> None:
    """A student or a control: policy.safetensors, critic.safetensors, policy.json."""
    _write_learner(writer, learner, params, {"role": learner.role, "mode": params.mode}, {})


def write_outcomes(writer: ArtifactWriter, outcomes: Outcomes, role: Role) -> None:
    """evaluation.json: how a learner's episodes on the reported goals ended."""
    writer.add_json(f"{outcomes.task.name}/{_PREFIX[role]}{EVALUATION}", outcomes.to_document())


def read_outcomes(artifact: Artifact, task: Task) -> Outcomes:
    """What `write_outcomes` wrote of an expert. Raises InputInvalid if it is missing or damaged."""
    name = f"{task.name}/{EVALUATION}"
    try:
        return Outcomes.from_document(artifact.read_json(name))
    except (KeyError, TypeError, ValueError) as error:
        raise InputInvalid(f"{name} of {artifact.uri} holds no outcomes: {error!r}") from error


def write_curves(writer: ArtifactWriter, student: Learner, control: Learner) -> None:
    """`curves.json`: [{envSteps, student {anyStep, atEnd}, control {anyStep, atEnd}}, …]."""
    scores = zip(student.selection.scores, control.selection.scores, strict=True)
    points = [
        {"envSteps": env_steps, "student": _rates(one), "control": _rates(other)}
        for (env_steps, one), (_, other) in scores
    ]
    writer.add_json(f"{student.task.name}/curves.json", points)


def _write_learner(
    writer: ArtifactWriter,
    learner: Learner,
    params: SACParams,
    kind: Mapping[str, Any],
    training: Mapping[str, Any],
) -> None:
    """Weights at the best evaluation, and the document with `kind` and `training` in their places."""
    start, best = f"{learner.task.name}/{_PREFIX[learner.role]}", learner.selection.best
    writer.add_tensors(f"{start}policy.safetensors", learner.best("actor"))
    writer.add_tensors(f"{start}critic.safetensors", learner.best("critics"))
    document = {
        "kind": "sac",
        **kind,
        **_networks_document(learner.task.plain, params),
        **training,
        "bestEnvSteps": learner.selection.best_step,
        "selectionSuccess": best and _rates(best),
    }
    writer.add_json(f"{start}policy.json", document)


def _networks_document(task: Task, params: SACParams) -> dict[str, Any]:
    """How networks of these parameters are built, and what their values mean."""
    return {
        "task": _task_document(task),
        "hiddenSizes": list(params.hidden_sizes),
        "criticLayerNorm": params.critic_layer_norm,
        "rewardScale": params.reward_scale,
        "discount": params.discount,
    }


def _rates(success: Success) -> dict[str, float]:
    return success.model_dump(by_alias=True)


def _task_document(task: Task) -> dict[str, Any]:
    return task.model_dump(by_alias=True, mode="json")


def load_experts(inputs: Inputs, device: torch.device = CPU) -> tuple[StackedExperts, tuple[Task, ...]]:
    """All experts of the artifacts of phase `experts`, and their tasks in the order of the inputs.

    Raises:
        InputInvalid: a file is missing or damaged, or the experts are not of one kind and one size.
    """
    pairs = _tasks(inputs)
    tasks = tuple(task for task, _ in pairs)
    documents = [artifact.read_json(f"{task.name}/policy.json") for task, artifact in pairs]
    builds = [
        {k: document.get(k) for k in ("kind", "hiddenSizes", "criticLayerNorm")} for document in documents
    ]
    if any(build != builds[0] for build in builds):
        raise InputInvalid(f"the experts cannot be stacked, they differ in kind or size: {builds}")
    if builds[0]["kind"] == "scripted":
        return ScriptedExperts(tasks), tasks
    return _load_trained(pairs, builds[0], device), tasks


def _load_trained(
    pairs: Sequence[tuple[Task, Artifact]], build: dict[str, Any], device: torch.device
) -> TrainedExperts:
    tasks, sizes, layer_norm = [task for task, _ in pairs], build["hiddenSizes"], build["criticLayerNorm"]
    actors = [artifact.read_tensors(f"{task.name}/policy.safetensors") for task, artifact in pairs]
    critics = [artifact.read_tensors(f"{task.name}/critic.safetensors") for task, artifact in pairs]
    try:
        return TrainedExperts(tasks, sizes, layer_norm, actors, critics, device)
    except (RuntimeError, TypeError, KeyError) as error:
        raise InputInvalid(f"the experts' networks do not fit their policy.json {build}: {error}") from error


def load_students(inputs: Inputs, device: torch.device) -> dict[Role, dict[Task, Policy]]:
    """The policies of all students and controls in artifacts of phase `students`, by role and task.

    Raises:
        InputInvalid: a file is missing or damaged, or weights do not fit the sizes beside them.
    """
    from collectiverun_trainer.students.guidance import ROLES  # imported late, as what learns is above

    pairs = _tasks(inputs)
    return {role: {task: _load_actor(a, task, role, device) for task, a in pairs} for role in ROLES}


def _load_actor(artifact: Artifact, task: Task, role: Role, device: torch.device) -> Policy:
    name = f"{task.name}/{_PREFIX[role]}policy"
    document, weights = artifact.read_json(f"{name}.json"), artifact.read_tensors(f"{name}.safetensors")
    try:
        return ActorPolicy.of(weights, document["hiddenSizes"], device)
    except (KeyError, TypeError, RuntimeError) as error:
        raise mismatch(artifact, name, "a policy", "students", error) from error


def _tasks(inputs: Inputs) -> list[tuple[Task, Artifact]]:
    return [(task, artifact) for reference, artifact in inputs for task in reference.tasks]
