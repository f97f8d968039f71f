"""The models of robots that a run brings along, among the files of its artifacts."""

from __future__ import annotations

from typing import Final

from collectiverun_trainer.artifacts.artifact import Artifact

FOLDER: Final = "robots"


def file_name(robot: str, name: str) -> str:
    """The name in an artifact of a file of a robot's model."""
    return f"{FOLDER}/{robot}/{name}"


def robot_files(artifact: Artifact, robot: str) -> dict[str, bytes]:
    """The files of a robot's model, by their names in it; empty if the artifact has none."""
    start = file_name(robot, "")
    return {
        name.removeprefix(start): artifact.read(name) for name in artifact.names if name.startswith(start)
    }


def recorded_models(artifact: Artifact) -> dict[str, str]:
    """Digests of the models that an artifact was made with, by the robots' names."""
    environment = artifact.manifest.get("config", {}).get("environment", {})
    return dict(environment.get("robotModels", {}))
