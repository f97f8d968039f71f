"""This machine's pip configuration, for the builds of images: indexes, certificates, local folders of wheels.

A build sees what pip is told on this machine, by files and by PIP_* variables alike, as one pip.conf that is
mounted while a RUN line runs and is in no image.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

CONFIGURATION_IN_BUILDS = "/etc/pip.conf"
_FROM_ENVIRONMENT = ":env:"


def volumes(folder: Path) -> list[str]:
    """`source:target:ro` of what a build needs mounted; writes a pip.conf into `folder`."""
    settings, path = _settings(), folder / "pip.conf"
    path.touch(mode=0o600)  # an index's address may carry a password
    with path.open("w") as file:
        settings.write(file)
    values = [value for section in settings.sections() for value in settings[section].values()]
    local = {local_path for value in values for local_path in _local_paths(value)}
    return [f"{path}:{CONFIGURATION_IN_BUILDS}:ro", *(f"{path}:{path}:ro" for path in sorted(local))]


def _settings() -> RawConfigParser:
    """As pip itself reads them; variables win over files."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    settings = RawConfigParser()
    # From files first, so that what variables say replaces it.
    for line in sorted(lines, key=lambda line: line.startswith(_FROM_ENVIRONMENT)):
        key, value = line.split("=", 1)
        section, name = key.split(".", 1)
        section = "global" if section == _FROM_ENVIRONMENT else section
        settings.read_dict({section: {name: ast.literal_eval(value)}})
    return settings


def _local_paths(value: str) -> list[str]:
    """Files and folders of this machine that a value names."""
    paths = [_local_path(word) for word in value.split()]
    return [str(path) for path in paths if path.is_absolute() and path.exists()]


def _local_path(word: str) -> Path:
    parts = urlsplit(word)
    path = Path(url2pathname(parts.path)) if parts.scheme in ("", "file") else Path()
    # An index of files has its packages beside the folder that is named.
    return path.parent if parts.scheme == "file" else path
