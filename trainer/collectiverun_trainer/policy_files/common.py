"""What the files of all policies have in common."""

from __future__ import annotations

from typing import Final

import torch

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.errors import InputInvalid

EVALUATION: Final = "evaluation.json"
"""How episodes on the reported goals ended."""
CPU: Final = torch.device("cpu")


def mismatch(artifact: Artifact, name: str, what: str, phase: str, error: Exception) -> InputInvalid:
    """What is raised where weights do not fit the document beside them; `phase` has written both."""
    return InputInvalid(
        f"{name}.json and {name}.safetensors of {artifact.uri} do not make {what}: {error}; "
        f"run the phase {phase} again"
    )
