"""The collective as two files of its own, `model.safetensors` and `config.json`, as model hubs have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import safetensors
import torch
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from collectiverun_trainer.artifacts.artifact import tensors_to_bytes
from collectiverun_trainer.collective.assembly import assembled, sizes_of, tasks_and_scale
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.config import EnvironmentSettings, TrajectoryTransformerParams
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned.policy import LearnedPolicy
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser

FORMAT: Final = "collectiverun-collective/1"
WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
_PARTS: Final = ("network.", "encoder.")
"""What the names of tensors begin with."""


def write_policy(folder: Path, collective: Collective, environment: EnvironmentSettings) -> None:
    """Write both files. Raises OSError if the folder can't be written."""
    network, encoder = collective.network, collective.encoder
    states = zip(_PARTS, (network.state_dict(), encoder.state_dict()), strict=True)
    tensors = {f"{part}{name}": tensor for part, state in states for name, tensor in state.items()}
    (folder / WEIGHTS).write_bytes(tensors_to_bytes(tensors))
    document = {
        "format": FORMAT,
        "model_type": "collectiverun",
        "network": sizes_of(network),
        "encoder": encoder.params.model_dump(by_alias=True, mode="json"),
        **tasks_and_scale(collective),
        "environment": environment.model_dump(by_alias=True, mode="json"),
    }
    (folder / CONFIG).write_text(json.dumps(document, indent=1))


def open_policy(folder: str | Path, device: str | torch.device = "cpu") -> LearnedPolicy:
    """The policy of a folder that `collectiverun export hub` wrote, as `Run.collective` gives it.

    Raises:
        InputInvalid: a file is missing or damaged, or the weights do not fit the sizes beside them.
    """
    path = Path(folder)
    try:
        document = json.loads((path / CONFIG).read_bytes())
        tensors = tensors_from_bytes((path / WEIGHTS).read_bytes())
        if (found := document["format"]) != FORMAT:
            raise InputInvalid(f"{path / CONFIG} has format {found!r}; this version reads {FORMAT!r}")
        collective = _collective(document, tensors, torch.device(device))
        environment = EnvironmentSettings.model_validate(document["environment"])
    except FileNotFoundError as error:
        raise InputInvalid(
            f"there is no {error.filename}: give a folder that collectiverun export hub wrote"
        ) from None
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise InputInvalid(f"{CONFIG} and {WEIGHTS} of {path} do not make a collective: {why}") from error
    return LearnedPolicy(collective.policy(), collective.tasks, environment, path.absolute().as_uri())


def _collective(document: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> Collective:
    of_network, of_encoder = (
        {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}
        for part in _PARTS
    )
    params = TrajectoryTransformerParams.model_validate(document["encoder"])
    encoder = TrajectoryEncoder(params, Normaliser())
    encoder.load_state_dict(of_encoder)
    frozen = encoder.to(device).eval().requires_grad_(False)
    return assembled(document["network"], document, of_network, frozen, device)
