"""The programs of a cluster, built from their Go modules into the user's cache, once.

    python -m testbed.programs.building NAME …      names of folders of `modules`, such as kubernetes

`modules/NAME/go.mod` is the one place that says which release, and its lines `tool` which programs; `go.sum`
pins all that they are made of. It runs before the virtual environment is there, beside its installation.
`GOCACHE` and `GOMODCACHE` are honoured and then kept; else both are removed afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testbed.programs import BuildError
from testbed.programs.build_progress import BuildProgress
from testbed.programs.cache import CACHE, filled, locked
from testbed.programs.go_toolchain import Go, go_command, required_version

MODULES = Path(__file__).with_name("modules")
_DISK_BYTES = 8 << 30  # sources, intermediate results and programs of the largest


@dataclass(frozen=True)
class Recipe:
    """How one module becomes a folder of programs."""

    source: str  # module path of what is built; its version is the release
    minutes: int  # of processor time, about
    stamps: Mapping[str, str] = field(
        default_factory=dict
    )  # string variables of the programs, set when linked
    renamed: Mapping[str, str] = field(default_factory=dict)  # a program's name here, by that of its package
    kept: tuple[str, ...] = ()  # files and folders of the source that are wanted beside the programs
    edition: str = ""  # a word, where a release that is in the cache already is now built otherwise


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
        stamps={
            "sigs.k8s.io/kueue/pkg/version.GitVersion": "v{release}",
            # No setting changes it, and `/visibility` is not every user's to write: a folder of its own.
            "sigs.k8s.io/kueue/pkg/visibility.certDir": "visibility",
        },
        kept=("config/components/crd/bases", "config/components/webhook/manifests.yaml"),
        edition="visible",
    ),
    "containerd": Recipe(
        "github.com/containerd/containerd/v2",
        2,
        stamps={"github.com/containerd/containerd/v2/version.Version": "v{release}"},
    ),
}


def release(name: str) -> str:
    """Version of what a module builds, such as 1.37.2."""
    go_mod, path = MODULES / name / "go.mod", re.escape(RECIPES[name].source)
    line = re.search(rf"^(?:require |\t){path} v(\S+)", go_mod.read_text(), re.MULTILINE)
    assert line is not None, f"{go_mod} does not require {RECIPES[name].source}"
    return line[1]


def folder(name: str) -> Path:
    """Where a module's programs lie once they are built."""
    return CACHE / "-".join(filter(None, (name, release(name), RECIPES[name].edition)))


def built(*names: str) -> list[Path]:
    """Build what is missing; the folders of their programs.

    Of several processes one builds and the others wait. Raises BuildError.
    """
    if not all(folder(name).exists() for name in names):
        with locked(CACHE):
            for name in names:
                if not folder(name).exists():
                    _build_into_cache(name)
            clean_up()
    return [folder(name) for name in names]


def clean_up() -> None:
    """Remove what only building needed."""
    shutil.rmtree(_work(), ignore_errors=True)


def go(module: Path) -> Go:
    """The `go` command for a module. Raises BuildError."""
    return Go(go_command(required_version(module / "go.mod"), CACHE), module, _work())


def build(name: str, version: str, module: Path, target: Path) -> None:
    """Build a release, whose go.mod lies in `module`, into a folder. Raises BuildError."""
    recipe, command = RECIPES[name], go(module)
    progress = BuildProgress(name, lambda: len(command.read("list", "-deps", "tool").split()))
    command.build(target, _linker_flags(recipe, version), progress)
    for program, wanted in recipe.renamed.items():
        (target / program).rename(target / wanted)
    if recipe.kept:
        source = Path(json.loads(command.read("list", "-m", "-json", recipe.source))["Dir"])
        for path in recipe.kept:
            _keep(source / path, target / Path(path).name)


def _build_into_cache(name: str) -> None:
    _check_machine(name)
    time = f"about {RECIPES[name].minutes} min of processor time"
    print(f"Building {name} {release(name)}, once, {time}, into {folder(name)}", file=sys.stderr)
    with filled(folder(name)) as partial:
        build(name, release(name), MODULES / name, partial)


def _keep(source: Path, target: Path) -> None:
    """A file, or a folder of files; the sources of modules are read-only, which copies need not be."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        target.chmod(0o755)
    else:
        shutil.copyfile(source, target)


def _linker_flags(recipe: Recipe, version: str) -> str:
    major, minor, _ = version.split(".", 2)
    values = {"release": version, "major": major, "minor": minor}
    stamps = [f"-X {variable}={text.format(**values)}" for variable, text in recipe.stamps.items()]
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


def _work() -> Path:
    return CACHE / "go-work"


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
