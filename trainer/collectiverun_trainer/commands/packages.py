"""Packages of extras that a command will need, asked for before anything is read or imported."""

from __future__ import annotations

from importlib.util import find_spec


def require_packages(*packages: str) -> None:
    """Raise ModuleNotFoundError for the first that is not installed. None is imported: that takes seconds."""
    for package in packages:
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
