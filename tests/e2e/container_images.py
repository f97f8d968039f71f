"""The images under test, built by buildah in a store of their own; as a program, builds them.

There may be no image registry within reach, so the base image is a stand-in made of Debian's own packages,
under the name that the Dockerfiles ask for. All of it is kept in the user's cache folder: what has not
changed is not built again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from e2e import pip_configuration
from filelock import FileLock

REPOSITORY = Path(__file__).parents[2]
CACHE = platformdirs.user_cache_path("collectiverun") / "containers"
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


class BuildError(RuntimeError):
    """An image that can't be built."""


@dataclass(frozen=True)
class ImageStore:
    """buildah with a store of its own, beside whatever the machine's user has."""

    folder: Path = CACHE

    def image_id(self, name: str) -> str | None:
        """Id of an image, None if there is none of that name."""
        done = self._run("images", "--no-trunc", "--format", "{{.ID}}", name, check=False)
        return done.stdout.strip() or None

    def build(self, name: str, dockerfile: Path, context: Path, *options: str) -> None:
        """Build an image from a Dockerfile. Raises BuildError with all that was said."""
        print(f"Building {name}", flush=True)
        isolated = ("--isolation", "chroot", "--network", "host", "--pull-never", "--layers")
        command = ("build", *isolated, *options, "--file", str(dockerfile), "--tag", name, str(context))
        done = self._run(*command, check=False)
        if done.returncode:
            raise BuildError(f"{name} can't be built:\n{done.stdout}{done.stderr}")

    def save(self, name: str, archive: Path) -> None:
        """Write an image as an archive that containerd can import."""
        archive.unlink(missing_ok=True)
        self._run("push", "--quiet", name, f"docker-archive:{archive}:{name}")

    def drop_unfinished(self) -> None:
        """Remove what a build that was killed left mounted."""
        self._run("rm", "--all")

    def drop_unnamed(self) -> None:
        """Remove what earlier builds left and no named image is made of."""
        self._run("rmi", "--prune")

    def _run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        places = ("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"))
        command = ["buildah", *places, "--storage-driver", "overlay", *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True)


def build_all(store: ImageStore) -> None:
    """Build what is missing or has changed."""
    store.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(store.folder / "images.lock"), tempfile.TemporaryDirectory(dir=store.folder) as scratch:
        store.drop_unfinished()
        folder = Path(scratch)
        _build_base(store, folder)
        _build_text(store, PAUSE, _PAUSE_DOCKERFILE, folder)
        volumes = [word for volume in pip_configuration.volumes(folder) for word in ("--volume", volume)]
        _build_half(store, OPERATOR, "operator", volumes)
        _build_half(store, TRAINER, "trainer", volumes)
    store.drop_unnamed()


def _build_half(store: ImageStore, name: str, half: str, options: list[str]) -> None:
    dockerfile = REPOSITORY / "images" / half / "Dockerfile"
    # The stage before the last gets a name too: what has none is dropped, and would be built every time.
    stage = f"{name}-package"
    store.build(stage, dockerfile, REPOSITORY, *options, "--target", "package")
    store.build(name, dockerfile, REPOSITORY, *options)


def _build_base(store: ImageStore, scratch: Path) -> None:
    if store.image_id(BASE):
        return
    rootfs = scratch / "rootfs.tar"
    print(f"Putting Debian {_RELEASE} together for {BASE}", flush=True)
    include = f"--include={','.join(_BASE_PACKAGES)}"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", include, _RELEASE, rootfs], check=True)
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
