"""The images under test, built by buildah in a store of their own; as a program, builds them.

There may be no image registry within reach, so the base image is a stand-in made of Debian's own packages.
All of it is kept in the user's cache folder: what has not changed is not built again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e import own_processes, pip_configuration
from e2e.stored_image import StoredImage
from filelock import FileLock
from testbed.programs import BuildError
from testbed.programs.cache import CACHE as PROGRAMS

REPOSITORY = Path(__file__).parents[2]
CACHE = PROGRAMS / "containers"
BASE = "localhost/python:3.11-slim-bookworm"
PAUSE = "localhost/pause:e2e"
OPERATOR = "localhost/collectiverun-operator:e2e"
TRAINER = "localhost/collectiverun-trainer:e2e"
ALL = (PAUSE, OPERATOR, TRAINER)

_RELEASE = "bookworm"
_BASE_PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
# Python as the public image has it: /usr/local/bin/python, and pip may install.
_BASE_DOCKERFILE = """
FROM scratch
ADD rootfs.tar /
RUN ln -s /usr/bin/python3 /usr/local/bin/python && rm /usr/lib/python3.11/EXTERNALLY-MANAGED
"""
# It only holds a Pod's namespaces open.
_PAUSE_DOCKERFILE = f"""
FROM {BASE}
ENTRYPOINT ["sleep", "infinity"]
"""
# The largest layer lies there four times while buildah makes it, and once afterwards.
_DISK_BYTES = 25 << 30
# Stages of both Dockerfiles. They get names of their own: what has none is dropped, and built every time.
_STAGES = ("dependencies", "sbom", "package")
_OUTLOOK = {"trainer dependencies": "torch: about 3 GB to fetch, some minutes"}


@dataclass(frozen=True)
class ImageStore:
    """buildah with a store of its own, beside whatever the machine's user has."""

    folder: Path = CACHE

    @property
    def scratch(self) -> Path:
        """Where a build may leave things; emptied by the next."""
        return self.folder / "build"

    def image_id(self, name: str) -> str | None:
        """Id of an image, None if there is none of that name."""
        done = self._run("images", "--no-trunc", "--format", "{{.ID}}", name)
        return done.stdout.strip() or None

    def image(self, name: str) -> StoredImage:
        """The image of a name. Raises BuildError if there is none."""
        image_id = self.image_id(name)
        if image_id is None:
            raise BuildError(f"{name} is not built. Run `bash tests/e2e/prepare` first.")
        return StoredImage(self.folder / "storage", image_id)

    def build(self, name: str, dockerfile: Path, context: Path, *options: str) -> None:
        """Build an image from a Dockerfile. Raises BuildError with buildah's output."""
        isolated = ("--isolation", "chroot", "--network", "host", "--pull-never", "--layers")
        command = ("build", *isolated, *options, "--file", str(dockerfile), "--tag", name, str(context))
        done = self._run(*command)
        if done.returncode:
            raise BuildError(f"{name} can't be built:\n{done.stdout}{done.stderr}")

    def run(self, name: str, *command: str) -> str:
        """What a command prints in a container of an image. Raises BuildError with buildah's output."""
        self.scratch.mkdir(parents=True, exist_ok=True)  # a build removes it when it is done
        begun = self._run("from", "--pull-never", name)
        if begun.returncode:
            raise BuildError(f"no container can be made of {name}:\n{begun.stdout}{begun.stderr}")
        container = begun.stdout.strip()
        try:
            done = self._run("run", "--isolation", "chroot", container, "--", *command)
        finally:
            self._run("rm", container)
        if done.returncode:
            raise BuildError(f"{command[0]} fails in {name}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def drop_unfinished(self) -> None:
        """Remove what a build that was killed left."""
        self._run("rm", "--all").check_returncode()

    def drop_unnamed(self) -> None:
        """Remove what earlier builds left and no named image is made of."""
        self._run("rmi", "--prune").check_returncode()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        places = ("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"))
        command = ("buildah", *places, "--storage-driver", "overlay", *arguments)
        return own_processes.run(command, TMPDIR=str(self.scratch))


def build_all(store: ImageStore) -> None:
    """Build what is missing or has changed."""
    store.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(store.folder / "images.lock"):
        folder = store.scratch
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        store.drop_unfinished()
        _check_room(store)
        _build_base(store, folder)
        _build_text(store, PAUSE, _PAUSE_DOCKERFILE, folder)
        volumes = [word for volume in pip_configuration.volumes(folder) for word in ("--volume", volume)]
        _build_half(store, OPERATOR, "operator", volumes)
        _build_half(store, TRAINER, "trainer", volumes)
        store.drop_unnamed()
        shutil.rmtree(folder)


@contextmanager
def step(what: str, outlook: str = "") -> Iterator[None]:
    """Print what is done now, and afterwards how long it took."""
    print(f"{what}{outlook and f' ({outlook})'} …", flush=True)
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def _check_room(store: ImageStore) -> None:
    free = shutil.disk_usage(store.folder).free
    if store.image_id(TRAINER) is None and free < _DISK_BYTES:
        raise BuildError(
            f"{store.folder} has {free >> 30} GiB free, and building {TRAINER} takes {_DISK_BYTES >> 30} for"
            " a while (7 are kept): make room, or set XDG_CACHE_HOME to another disk."
        )


def _build_half(store: ImageStore, name: str, half: str, options: list[str]) -> None:
    dockerfile = REPOSITORY / "images" / half / "Dockerfile"
    options = [*options, "--build-arg", f"PYTHON_IMAGE={BASE}"]
    for stage in _STAGES:
        with step(f"Building {half} image: {stage}", _OUTLOOK.get(f"{half} {stage}", "")):
            store.build(f"{name}-{stage}", dockerfile, REPOSITORY, *options, "--target", stage)
    with step(f"Building {half} image"):
        store.build(name, dockerfile, REPOSITORY, *options)


def _build_base(store: ImageStore, scratch: Path) -> None:
    if store.image_id(BASE):
        return
    rootfs = scratch / "rootfs.tar"
    include = f"--include={','.join(_BASE_PACKAGES)}"
    command = ("mmdebstrap", "--quiet", "--variant=minbase", include, _RELEASE, str(rootfs))
    with step(f"Putting Debian {_RELEASE} together for {BASE}"):
        done = own_processes.run(command, TMPDIR=str(scratch))
        if done.returncode:
            raise BuildError(f"mmdebstrap can't put Debian {_RELEASE} together:\n{done.stderr}")
        _build_text(store, BASE, _BASE_DOCKERFILE, scratch)
    rootfs.unlink()


def _build_text(store: ImageStore, name: str, text: str, context: Path) -> None:
    dockerfile = context / "Dockerfile"
    dockerfile.write_text(text)
    store.build(name, dockerfile, context)


if __name__ == "__main__":
    try:
        build_all(ImageStore())
    except BuildError as error:
        sys.exit(str(error))
