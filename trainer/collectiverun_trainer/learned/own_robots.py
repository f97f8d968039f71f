"""Arms that a run brought along, taken from what it published."""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.robot_files import recorded_models, robot_files
from collectiverun_trainer.environments.robots.model_files import ModelFiles
from collectiverun_trainer.environments.robots.own import adopt, is_adopted
from collectiverun_trainer.errors import InputInvalid


def adopt_robots(artifact: Artifact) -> dict[str, str]:
    """Let environments be built with the models that an artifact was made with; their digests by name.

    Raises:
        InputInvalid: the artifact holds another model than its manifest says.
    """
    models = recorded_models(artifact)
    for name, digest in models.items():
        if not is_adopted(digest):
            model = ModelFiles(artifact.uri, robot_files(artifact, name))
            if model.digest != digest:
                raise InputInvalid(
                    f"The model of the robot {name!r} in {artifact.uri} is not the one that it was made with"
                    f" (sha256 {model.digest}, not {digest})."
                )
            adopt(model)
    return models
