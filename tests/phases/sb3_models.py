"""Real models of stable-baselines3 for an environment of Meta-World's shape, and altered files of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

# What torch's own optimisers load late. It crashes where Mesa has drawn before, as other tests do: so early.
import torch._dynamo
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

OBS_LOW, OBS_HIGH = -0.5, 1.0  # about where Meta-World's numbers lie


class Shapes(gym.Env[Any, Any]):
    """Random observations and rewards."""

    def __init__(self, obs: int = 39, actions: int = 4, limit: float = 1.0) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (obs,), np.float64)
        self.action_space = gym.spaces.Box(-limit, limit, (actions,), np.float32)
        self._generator = np.random.default_rng(1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """A first observation."""
        return self._obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One more."""
        return self._obs(), float(10 * self._generator.random()), False, False, {}

    def _obs(self) -> Any:
        return self._generator.uniform(OBS_LOW, OBS_HIGH, self.observation_space.shape)


def trained_sac(env: gym.Env[Any, Any] | None = None, algorithm: Any = SAC, **settings: Any) -> BaseAlgorithm:
    """A model that has learned for some steps, so that no weight is as it was initialised."""
    defaults: dict[str, Any] = {"policy_kwargs": {"net_arch": [16, 16]}, "seed": 1, "device": "cpu"}
    model: BaseAlgorithm = algorithm("MlpPolicy", env or Shapes(), **defaults | settings)
    model.set_logger(Logger(folder=None, output_formats=[]))  # its own would leave a folder in /tmp
    return model.learn(120)


def saved(model: BaseAlgorithm, path: Path) -> Path:
    """The file of `model.save`."""
    model.save(path)
    return path


def altered(path: Path, entry: str, change: Callable[[bytes], bytes | None]) -> Path:
    """The same file with one entry changed, or left out where that is None."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    content = change(entries.pop(entry))
    entries |= {entry: content} if content is not None else {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, kept in entries.items():
            archive.writestr(name, kept)
    return path


def with_weights(path: Path, change: Callable[[dict[str, torch.Tensor]], Mapping[str, Any]]) -> Path:
    """The same file with other weights."""

    def rewritten(content: bytes) -> bytes:
        written = io.BytesIO()
        torch.save(change(torch.load(io.BytesIO(content), weights_only=True)), written)
        return written.getvalue()

    return altered(path, "policy.pth", rewritten)


def with_data(path: Path, **fields: Any) -> Path:
    """The same file with other fields in its JSON."""
    return altered(path, "data", lambda content: json.dumps(json.loads(content) | fields).encode())
