"""A finished expert's files: `policy.json`, and for a trained one the weights of its actor and critics."""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import ArtifactWriter
from collectiverun_trainer.config import ExpertsParams, Task
from collectiverun_trainer.learning.learner import Expert


def write_trained(writer: ArtifactWriter, expert: Expert, params: ExpertsParams) -> None:
    """policy.safetensors, critic.safetensors, and how to build the networks and what their figures mean."""
    folder, best = expert.task.name, expert.selection.best
    writer.add_tensors(f"{folder}/policy.safetensors", expert.best("actor"))
    writer.add_tensors(f"{folder}/critic.safetensors", expert.best("critics"))
    document = {
        "kind": "sac",
        "task": expert.task.model_dump(by_alias=True, mode="json"),
        "hiddenSizes": list(params.hidden_sizes),
        "criticLayerNorm": params.critic_layer_norm,
        "rewardScale": params.reward_scale,
        "discount": params.discount,
        "trainedEnvSteps": expert.env_steps,
        "bestEnvSteps": expert.selection.best_step,
        "selectionSuccess": best.model_dump(by_alias=True) if best else None,
    }
    writer.add_json(f"{folder}/policy.json", document)


def write_scripted(writer: ArtifactWriter, task: Task) -> None:
    """policy.json alone: the policy is code."""
    document = {"kind": "scripted", "task": task.model_dump(by_alias=True, mode="json")}
    writer.add_json(f"{task.name}/policy.json", document)
