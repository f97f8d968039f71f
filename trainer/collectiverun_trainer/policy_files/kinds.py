"""What the files of an expert say of its kind; light, for commands that need no network."""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import Task


def expert_kind(artifact: Artifact, task: Task) -> str:
    """`sac` for a trained expert, `scripted` for a scripted one."""
    return str(artifact.read_json(f"{task.name}/policy.json")["kind"])


def foreign_model(artifact: Artifact, task: Task) -> str | None:
    """File and digest of the model that an imported expert was made of; None of one that was trained here."""
    about = artifact.read_json(f"{task.name}/policy.json").get("imported")
    return f"{about['file']} (sha256 {about['sha256']})" if about else None
