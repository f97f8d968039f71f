"""A student's files beside its control's: how phase `students` writes them and how others read them.

In the folder of each task: `policy.safetensors`, `critic.safetensors`, `policy.json` and `evaluation.json`
(outcomes on the reported goals) of the student, the same with `control_` before their names, `curves.json`
(success of both on selection goals against env steps). Layout and reading live here together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.config import StudentsParams, Task
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_SIZE
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learning.selection import Selection
from collectiverun_trainer.order import ArtifactReference
from collectiverun_trainer.rollouts.evaluation import Outcomes
from collectiverun_trainer.rollouts.policy import ExpertPolicy, Policy
from collectiverun_trainer.sac.networks import StackedMLP, State

Role = Literal["student", "control"]
ROLES: tuple[Role, Role] = ("student", "control")
PREFIX: dict[Role, str] = {"student": "", "control": "control_"}


@dataclass(frozen=True)
class Learner:
    """A student or a control that has finished: its best networks are in `selection.state`."""

    role: Role
    task: Task
    selection: Selection
    outcomes: Outcomes


def write_learner(writer: ArtifactWriter, learner: Learner, params: StudentsParams) -> None:
    """The files of one student or control, all but the curves they share."""
    start = f"{learner.task.name}/{PREFIX[learner.role]}"
    best = learner.selection.best
    writer.add_tensors(f"{start}policy.safetensors", learner.selection.state["actor"])
    writer.add_tensors(f"{start}critic.safetensors", learner.selection.state["critics"])
    document = {
        "kind": "sac",
        "role": learner.role,
        "mode": params.mode,
        "task": learner.task.model_dump(by_alias=True, mode="json"),
        "hiddenSizes": list(params.hidden_sizes),
        "criticLayerNorm": params.critic_layer_norm,
        "rewardScale": params.reward_scale,
        "discount": params.discount,
        "bestEnvSteps": learner.selection.best_step,
        "selectionSuccess": best.model_dump(by_alias=True) if best else None,
    }
    writer.add_json(f"{start}policy.json", document)
    writer.add_json(f"{start}evaluation.json", learner.outcomes.to_document())


def write_curves(writer: ArtifactWriter, task: Task, student: Selection, control: Selection) -> None:
    """`curves.json`: [{envSteps, student {anyStep, atEnd}, control {anyStep, atEnd}}, …]."""
    points = [
        {
            "envSteps": env_steps,
            "student": of_student.model_dump(by_alias=True),
            "control": of_control.model_dump(by_alias=True),
        }
        for (env_steps, of_student), (_, of_control) in zip(student.scores, control.scores, strict=True)
    ]
    writer.add_json(f"{task.name}/curves.json", points)


def actor_policy(actor: State, hidden_sizes: Sequence[int], device: torch.device) -> Policy:
    """The deterministic policy of an actor's weights, a stack of one."""
    network = StackedMLP(1, OBS_SIZE, hidden_sizes, 2 * ACTION_SIZE).to(device)
    network.load_state_dict(actor)
    return ExpertPolicy(network, device)


def load_students(
    inputs: Sequence[tuple[ArtifactReference, Artifact]], device: torch.device
) -> dict[Role, dict[Task, Policy]]:
    """The policies of all students and controls in artifacts of phase `students`, by role and task.

    Raises:
        InputInvalid: a file is missing or damaged, or weights do not fit the sizes beside them.
    """
    found = [(task, artifact) for reference, artifact in inputs for task in reference.tasks]
    return {role: {task: _load(artifact, task, role, device) for task, artifact in found} for role in ROLES}


def _load(artifact: Artifact, task: Task, role: Role, device: torch.device) -> Policy:
    start = f"{task.name}/{PREFIX[role]}policy"
    document: dict[str, Any] = artifact.read_json(f"{start}.json")
    try:
        return actor_policy(artifact.read_tensors(f"{start}.safetensors"), document["hiddenSizes"], device)
    except (KeyError, TypeError, RuntimeError) as error:
        message = f"{start}.json and {start}.safetensors of {artifact.uri} do not make a policy: {error}"
        raise InputInvalid(f"{message}; run the phase students again") from error
