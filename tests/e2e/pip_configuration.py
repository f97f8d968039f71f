"""This machine's pip configuration, for the builds of images: indexes, certificates, local folders of wheels.

A build sees what pip is told on this machine, by files and by PIP_* variables alike, as one pip.conf that is
mounted while a RUN line runs and is in no image.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

CONFIGURATION_IN_BUILDS = "/etc/pip.conf"
_FROM_ENVIRONMENT = ":env:"


def volumes(folder: Path) -> list[str]:
    """`source:target:ro` of what a build needs mounted; writes a pip.conf into `folder`."""
    settings = _settings()
    configuration = folder / "pip.conf"
    configuration.write_text(_as_file(settings))
    configuration.chmod(0o600)  # an index's address may carry a password
    local = {path for value in settings.values() for path in _local_paths(value)}
    own = f"{configuration}:{CONFIGURATION_IN_BUILDS}:ro"
    return [own, *(f"{path}:{path}:ro" for path in sorted(local))]


def _settings() -> dict[tuple[str, str], str]:
    """(section, name) → value, as pip itself reads them; variables win over files."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    pairs = [line.split("=", 1) for line in lines]
    # From files first, so that what variables say replaces it.
    pairs.sort(key=lambda pair: pair[0].startswith(_FROM_ENVIRONMENT))
    return {_name(key): str(ast.literal_eval(value)) for key, value in pairs}


def _name(key: str) -> tuple[str, str]:
    section, name = key.split(".", 1)
    return ("global" if section == _FROM_ENVIRONMENT else section), name


def _as_file(settings: dict[tuple[str, str], str]) -> str:
    sections: dict[str, list[str]] = {}
    for (section, name), value in settings.items():
        sections.setdefault(section, []).append(f"{name} = " + "\n  ".join(value.split("\n")))
    return "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())


def _local_paths(value: str) -> list[str]:
    """Files and folders of this machine that a value names."""
    paths = [_local_path(word) for word in value.split()]
    return [str(path) for path in paths if path.is_absolute() and path.exists()]


def _local_path(word: str) -> Path:
    parts = urlsplit(word)
    path = Path(url2pathname(parts.path)) if parts.scheme in ("", "file") else Path()
    # An index of files has its packages beside the folder that is named.
    return path.parent if parts.scheme == "file" else path
