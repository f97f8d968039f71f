"""The programs of a cluster, built from their Go modules into the user's cache, once.

    python -m testbed.programs.building NAME …           names of folders of `modules`, such as kubernetes

`modules/NAME/go.mod` is the one place that says which release, and its lines `tool` which programs; `go.sum`
pins all that they are made of. Standard library only: it runs before the virtual environment is there, beside
its installation. `GOCACHE` and `GOMODCACHE` are honoured and then kept; else both are removed afterwards.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from testbed.programs.build_progress import BuildProgress
from testbed.programs.go_toolchain import ToolchainError, go_command, local_environment, required_version

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collectiverun"
MODULES = Path(__file__).with_name("modules")
_WORK = "go-work"
_DISK_BYTES = 8 << 30  # sources, intermediate results and programs of the largest


class BuildError(RuntimeError):
    """A program that can't be built on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Recipe:
    """How one module becomes a folder of programs."""

    source: str  # module path of what is built; its version is the release
    minutes: int  # of processor time, about
    stamps: Mapping[str, str] = field(default_factory=dict)  # what the programs tell of their release
    renamed: Mapping[str, str] = field(default_factory=dict)  # a program's name here, by that of its package
    kept: tuple[str, ...] = ()  # files and folders of the source that are wanted beside the programs


RECIPES = {
    "kubernetes": Recipe(
        "k8s.io/kubernetes",
        9,
        stamps={
            "k8s.io/component-base/version.gitVersion": "v{release}",
            "k8s.io/component-base/version.gitMajor": "{major}",
            "k8s.io/component-base/version.gitMinor": "{minor}",
            "k8s.io/component-base/version.gitTreeState": "clean",
        },
    ),
    "etcd": Recipe("go.etcd.io/etcd/server/v3", 1, renamed={"server": "etcd"}),
    "kueue": Recipe(
        "sigs.k8s.io/kueue",
        5,
        stamps={"sigs.k8s.io/kueue/pkg/version.GitVersion": "v{release}"},
        kept=("config/components/crd/bases", "config/components/webhook/manifests.yaml"),
    ),
    "containerd": Recipe(
        "github.com/containerd/containerd/v2",
        2,
        stamps={"github.com/containerd/containerd/v2/version.Version": "v{release}"},
    ),
}


def release(name: str) -> str:
    """Version of what a module builds, such as 1.37.2."""
    path = re.escape(RECIPES[name].source)
    found = re.search(rf"^(?:require |\t){path} v(\S+)", _go_mod(name).read_text(), re.MULTILINE)
    assert found is not None, f"{_go_mod(name)} does not require {RECIPES[name].source}"
    return found[1]


def folder(name: str) -> Path:
    """Where a module's programs lie once they are built."""
    return CACHE / f"{name}-{release(name)}"


def built(*names: str) -> list[Path]:
    """Build what is missing; the folders of their programs.

    Of several processes one builds and the others wait. Raises BuildError.
    """
    if not all(folder(name).exists() for name in names):
        CACHE.mkdir(parents=True, exist_ok=True)
        with _alone():
            for name in names:
                if not folder(name).exists():
                    _build(name)
        clean_up()
    return [folder(name) for name in names]


def clean_up() -> None:
    """Remove what only building needed."""
    shutil.rmtree(CACHE / _WORK, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "building.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(name: str) -> None:
    target = folder(name)
    _check_machine(name)
    time = f"about {RECIPES[name].minutes} min of processor time"
    print(f"Building {name} {release(name)}, once, {time}, into {target}", file=sys.stderr)
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    build(name, release(name), MODULES / name, partial)
    partial.rename(target)  # in one step: a folder that is there is complete


def build(name: str, version: str, module: Path, target: Path) -> None:
    """Build a release, whose go.mod lies in `module`, into a folder. Raises BuildError."""
    recipe, go = RECIPES[name], Go(toolchain(name), module)
    progress = BuildProgress(name, lambda: len(go.read("list", "-deps", "tool").split()))
    go.build(target, _linker_flags(recipe, version), progress)
    for program, wanted in recipe.renamed.items():
        (target / program).rename(target / wanted)
    if recipe.kept:
        source = Path(json.loads(go.read("list", "-m", "-json", recipe.source))["Dir"])
        for path in recipe.kept:
            _keep(source / path, target / Path(path).name)


def _keep(source: Path, target: Path) -> None:
    """A file, or a folder of files; the sources of modules are read-only, which copies need not be."""
    if source.is_dir():
        target.mkdir()
        for path in source.iterdir():
            shutil.copyfile(path, target / path.name)
    else:
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class Go:
    """The `go` command in a module's folder."""

    command: Path
    module: Path

    def read(self, *words: str) -> str:
        """What it prints. Raises BuildError."""
        done = subprocess.run(
            [self.command, *words],
            cwd=self.module,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"go {' '.join(words)} failed in {self.module}:\n{done.stderr.strip()}")
        return done.stdout

    def build(self, target: Path, linker_flags: str, progress: BuildProgress) -> None:
        """Build all programs of the module into a folder. Raises BuildError with the last that was said."""
        # No debugging information: a tenth of the time, and it would be stripped anyway.
        flags = (
            "-v",
            "-trimpath",
            "-buildvcs=false",
            "-gcflags=all=-dwarf=false",
            f"-ldflags={linker_flags}",
        )
        command = [str(self.command), "build", *flags, f"-o={target}/", "tool"]
        with subprocess.Popen(
            command, cwd=self.module, env=_environment(), stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            said = progress.follow(process.stderr)
        if process.returncode:
            raise BuildError(f"{self.module.name} can't be built; `{' '.join(command)}` said:\n{said}")


def toolchain(name: str) -> Path:
    """The `go` for a module. Raises BuildError."""
    try:
        return go_command(required_version(_go_mod(name)), CACHE)
    except ToolchainError as error:
        raise BuildError(str(error)) from None


def _environment() -> dict[str, str]:
    work = CACHE / _WORK
    own = {"GOCACHE": str(work / "cache"), "GOMODCACHE": str(work / "modules"), "GOPATH": str(work)}
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    return own | local_environment() | settings


def _linker_flags(recipe: Recipe, version: str) -> str:
    major, minor, _ = version.split(".", 2)
    told = {"release": version, "major": major, "minor": minor}
    stamps = [f"-X {variable}={text.format(**told)}" for variable, text in recipe.stamps.items()]
    return " ".join(["-s -w", *stamps])


def _check_machine(name: str) -> None:
    if sys.platform != "linux":
        raise BuildError(f"A cluster on this machine needs Linux, and this is {sys.platform}.")
    free = shutil.disk_usage(CACHE).free
    if free < _DISK_BYTES:
        raise BuildError(
            f"{CACHE} has {free / (1 << 30):.1f} GiB free, and building {name} takes up to"
            f" {_DISK_BYTES >> 30} GiB (less than 1 is kept): make room, or set XDG_CACHE_HOME."
        )


def _go_mod(name: str) -> Path:
    return MODULES / name / "go.mod"


def main(names: list[str]) -> int:
    """The command; what it returns is the exit code."""
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        print(f"no such module: {' '.join(unknown)}; there are {', '.join(RECIPES)}", file=sys.stderr)
        return 2
    try:
        built(*names)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what is compiled is kept, and used by the next
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
