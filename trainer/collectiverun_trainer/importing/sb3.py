"""What `SAC.save` of stable-baselines3 wrote, as weights of this project's networks.

The file is a zip of `data` (JSON, with pickles in base64 as values) and of tensors. Of `data` plain fields
are read alone; none of its pickles is looked at. Anything that would make the policy act otherwise than the
networks here do is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from collectiverun_trainer.config import HiddenSizes
from collectiverun_trainer.environments.observation import ACTION_SIZE, OBS_MEAN, OBS_SIZE, OBS_SPREAD
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.importing.bounded_zip import MEBIBYTE, BoundedZip
from collectiverun_trainer.importing.tensor_file import Floats, read_state_dict

if TYPE_CHECKING:
    from torch import Tensor

    from collectiverun_trainer.sac.networks import State

_DATA_LIMIT_BYTES: Final = 64 * MEBIBYTE
_TENSORS_LIMIT_BYTES: Final = 1024 * MEBIBYTE
_POLICIES: Final = "stable_baselines3.sac.policies"
# What leaves the networks' form and their actions as they are: it concerns how they began, or were trained.
_HARMLESS: Final = frozenset(
    {"net_arch", "log_std_init", "use_expln", "clip_mean", "normalize_images", "optimizer_class",
     "optimizer_kwargs", "share_features_extractor", "features_extractor_kwargs"}
)  # fmt: skip
_REQUIRED: Final[Mapping[str, object]] = {
    "use_sde": False,
    "n_critics": 2,
    "activation_fn": "<class 'torch.nn.modules.activation.ReLU'>",
    "features_extractor_class": "<class 'stable_baselines3.common.torch_layers.FlattenExtractor'>",
}
_SIZES: Final[TypeAdapter[tuple[int, ...]]] = TypeAdapter(HiddenSizes)


@dataclass(frozen=True)
class ForeignExpert:
    """An actor and two critics, as stacks of one, for scaled observations; and what is known of them."""

    hidden_sizes: tuple[int, ...]
    actor: State
    critics: State
    """In units of the reward that it was trained with."""
    about: dict[str, Any]
    """File, sha256, version of stable-baselines3, steps trained, discount."""


def read_sac(path: Path) -> ForeignExpert:
    """The policy in a zip file of `SAC.save`.

    Raises:
        InputInvalid: it is not there, damaged, or of a kind that is not understood; one sentence says which.
    """
    archive = BoundedZip(path, str(path))
    data = _data(archive, str(path))
    _require_understood(data, str(path))
    weights = read_state_dict(archive.read("policy.pth", _TENSORS_LIMIT_BYTES), f"policy.pth of {path}")
    networks = {
        name: list(_layers(weights, name, str(path)))
        for name in ("actor.latent_pi", "critic.qf0", "critic.qf1")
    }
    hidden, heads = networks["actor.latent_pi"], [_head(weights, name, str(path)) for name in _HEADS]
    sizes = tuple(len(bias) for _, bias in hidden)
    _require_sizes(sizes, networks, heads, str(path))
    _require_only(weights, str(path))
    last = tuple(np.concatenate(parts) for parts in zip(*heads, strict=True))
    import torch  # imported late: a file that is not understood is refused without it

    critics = [_stack(networks[name]) for name in ("critic.qf0", "critic.qf1")]
    return ForeignExpert(
        sizes,
        _stack([*hidden, (last[0], last[1])]),
        {f"net.{name}": torch.cat([critic[name] for critic in critics]) for name in critics[0]},
        _about(archive, data, path),
    )


_Layer = tuple[Floats, Floats]  # weight (outputs, inputs), bias (outputs,)
_HEADS: Final = ("actor.mu", "actor.log_std")


def _data(archive: BoundedZip, name: str) -> dict[str, Any]:
    """The JSON document. What it is not: weights, a folder zipped, a model of another library."""
    if missing := [entry for entry in ("data", "policy.pth") if entry not in archive.entries]:
        raise InputInvalid(
            f"{name} has no {' and no '.join(missing)}: it is not what SAC.save of stable-baselines3 writes"
        )
    try:
        document = json.loads(archive.read("data", _DATA_LIMIT_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputInvalid(f"'data' of {name} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputInvalid(f"'data' of {name} is no JSON object")
    return document


def _require_understood(data: Mapping[str, Any], name: str) -> None:
    """Algorithm, spaces and kind of networks, as the plain fields tell them."""
    if (module := _field(data, "policy_class", "__module__")) != _POLICIES:
        raise InputInvalid(f"{name} holds a policy of {module}; only SAC ({_POLICIES}) is understood")
    for space, size in (("observation_space", OBS_SIZE), ("action_space", ACTION_SIZE)):
        if (shape := _field(data, space, "_shape")) != [size]:
            raise InputInvalid(f"{name}: {space} has shape {shape}; Meta-World's is [{size}]")
    for bound, value in (("low", -1.0), ("high", 1.0)):
        if set(_numbers(told := _field(data, "action_space", bound))) != {value}:
            raise InputInvalid(
                f"{name}: action_space.{bound} is {told}; Meta-World's is {value:g} throughout"
            )
    kwargs = data.get("policy_kwargs")
    for key, value in _plain(kwargs if isinstance(kwargs, Mapping) else {}):
        _require_kwarg(key, value, name)


def _field(data: Mapping[str, Any], *path: str) -> Any:
    found: Any = data
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _numbers(text: object) -> list[float]:
    """Of an array as NumPy prints it: `[-1. -1. -1. -1.]`."""
    return [float(part) for part in re.findall(r"-?\d+\.?\d*", text)] if isinstance(text, str) else []


def _plain(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Without the two fields that stand for a pickle."""
    yield from ((key, value) for key, value in kwargs.items() if not key.startswith(":"))


def _require_kwarg(key: str, value: object, name: str) -> None:
    if key in _HARMLESS or (key in _REQUIRED and value == _REQUIRED[key]):
        return
    wanted = f"; only {_REQUIRED[key]} is understood" if key in _REQUIRED else ", which is not understood"
    raise InputInvalid(f"{name}: policy_kwargs.{key} is {str(value)[:80]}{wanted}")


def _layers(weights: Mapping[str, Floats], network: str, name: str) -> Iterator[_Layer]:
    """The linear layers of a network, whose every second module is an activation without weights."""
    places = sorted(
        int(match[1])
        for match in (re.fullmatch(rf"{re.escape(network)}\.(\d{{1,2}})\.weight", key) for key in weights)
        if match
    )
    if places != list(range(0, 2 * len(places), 2)) or not places:
        raise InputInvalid(f"{name}: the layers of {network} are {places}, not linear and ReLU in turn")
    for place in places:
        yield _head(weights, f"{network}.{place}", name)


def _head(weights: Mapping[str, Floats], layer: str, name: str) -> _Layer:
    """One linear layer."""
    if missing := [key for key in (f"{layer}.weight", f"{layer}.bias") if key not in weights]:
        raise InputInvalid(f"{name} has no {missing[0]}: it is no SAC of stable-baselines3 without gSDE")
    weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise InputInvalid(
            f"{name}: {layer} has shapes {weight.shape} and {bias.shape}, not a linear layer's"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise InputInvalid(f"{name}: {layer} holds numbers that are not finite")
    return weight, bias


def _require_sizes(
    sizes: tuple[int, ...], networks: Mapping[str, Sequence[_Layer]], heads: Sequence[_Layer], name: str
) -> None:
    """Layers fit each other and Meta-World; actor and critics have the same hidden ones."""
    try:
        _SIZES.validate_python(sizes)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise InputInvalid(
            f"{name} has hidden layers of {list(sizes)}, which are no hiddenSizes: {why}"
        ) from None
    expected = {
        "actor.latent_pi": [OBS_SIZE, *sizes],
        **{key: [OBS_SIZE + ACTION_SIZE, *sizes, 1] for key in ("critic.qf0", "critic.qf1")},
    }
    for network, widths in expected.items():
        shapes = [weight.shape for weight, _ in networks[network]]
        if shapes != [(after, before) for before, after in pairwise(widths)]:
            told = [shapes[0][1], *(shape[0] for shape in shapes)]
            raise InputInvalid(
                f"{name}: {network} has widths {told}, not {widths}; actor and critics are to have the same"
                " hidden layers"
            )
    if any(weight.shape != (ACTION_SIZE, sizes[-1]) for weight, _ in heads):
        raise InputInvalid(f"{name}: the heads of the actor do not fit {ACTION_SIZE} actions")


def _require_only(weights: Mapping[str, Floats], name: str) -> None:
    known = re.compile(r"(actor\.(latent_pi\.\d+|mu|log_std)|critic(_target)?\.qf[01]\.\d+)\.(weight|bias)")
    if others := [key for key in weights if not known.fullmatch(key)]:
        raise InputInvalid(f"{name}: policy.pth also holds {others[0]}, which is not understood")


def _stack(layers: Sequence[_Layer]) -> State:
    """A stack of one, for observations as `scale_obs` makes them: the scaling is taken into the first layer.

    W obs + b = (W S) ((obs − m) / S) + (b + W m), with OBS_SPREAD S and OBS_MEAN m; actions stay as they are.
    """
    import torch

    (weight, bias), *others = layers
    wide, rest = weight[:, :OBS_SIZE].astype(np.float64), weight[:, OBS_SIZE:]
    first = np.concatenate([wide * np.array(OBS_SPREAD), rest], axis=1), bias + wide @ np.array(OBS_MEAN)
    tensors: dict[str, Tensor] = {}
    for place, (w, b) in enumerate([first, *others]):
        tensors[f"layers.{place}.weight"] = torch.tensor(w.T[None].copy(), dtype=torch.float32)
        tensors[f"layers.{place}.bias"] = torch.tensor(b[None, None], dtype=torch.float32)
    return tensors


def _about(archive: BoundedZip, data: Mapping[str, Any], path: Path) -> dict[str, Any]:
    entry = "_stable_baselines3_version"
    version = (
        archive.read(entry, MEBIBYTE)[:32].decode(errors="replace") if entry in archive.entries else None
    )
    numbers = {key: data.get(key) for key in ("num_timesteps", "gamma")}
    steps, discount = (
        n if isinstance(n, int | float) and math.isfinite(n) else None for n in numbers.values()
    )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "format": "stable-baselines3 SAC",
        "version": version,
        "file": path.name,
        "sha256": digest,
        "trainedSteps": steps,
        "discount": discount,
    }
