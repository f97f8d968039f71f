"""The arms that runs bring along, by the digest of their model: what is adopted once is known to the process.

By digest and not by name, because two runs that are open in one process may call different arms the same.
"""

from __future__ import annotations

from typing import Final

from collectiverun_trainer.environments.robots.model_files import ModelFiles
from collectiverun_trainer.errors import InvalidConfiguration

_ADOPTED: Final[dict[str, ModelFiles]] = {}


def adopt(model: ModelFiles) -> str:
    """Let environments be built with this model; its digest, which `EnvironmentSettings` name it by."""
    _ADOPTED.setdefault(model.digest, model)
    return model.digest


def is_adopted(digest: str) -> bool:
    """Whether environments can be built with the model of this digest."""
    return digest in _ADOPTED


def adopted(robot: str, digest: str) -> ModelFiles:
    """The model of a robot that a run brings along.

    Raises:
        InvalidConfiguration: nobody has read it in this process.
    """
    if digest not in _ADOPTED:
        raise InvalidConfiguration(
            f"The model of the robot {robot!r} (sha256 {digest}) is not here; give it in robotModels."
        )
    return _ADOPTED[digest]
