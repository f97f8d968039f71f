"""Versions of what results depend on, as manifests and reports name them."""

from __future__ import annotations

import importlib.metadata
import platform

import torch

_DISTRIBUTIONS = ("collectiverun", "numpy", "metaworld", "mujoco", "gymnasium", "safetensors")


def versions() -> dict[str, str]:
    """By package; Python and the kind of processor among them."""
    installed = {name: _version(name) for name in _DISTRIBUTIONS}
    # torch.__version__ names the build, such as 2.13.0+cu130; the wheel's metadata does not.
    torch_build = {"torch": str(torch.__version__)}
    return {"python": platform.python_version(), "machine": platform.machine()} | installed | torch_build


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
