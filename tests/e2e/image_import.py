"""containerd's images: those under test, and none of earlier builds; as a program, imports them.

Apart from the node, because it takes longest of all, and is needed only when an image has changed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cluster.daemon import Daemon
from e2e import node_files
from e2e.container_images import ALL, CACHE, ImageStore
from e2e.containerd import Containerd
from filelock import FileLock

IMAGES = CACHE / "containerd"
# Whoever has it has containerd's images to itself.
LOCK = CACHE / "node.lock"
_RECORD = IMAGES / "imported.json"


class MissingImageError(RuntimeError):
    """An image that is not there, or not as it was built last."""


def check_images(containerd: Containerd, images: Sequence[str]) -> None:
    """Raise MissingImageError if the images are not those that were built last."""
    if stale := _stale(containerd, images, ImageStore()):
        raise MissingImageError(f"Not imported: {', '.join(stale)}. Run `bash tests/e2e/prepare` first.")


def bring(containerd: Containerd, images: Sequence[str], scratch: Path) -> None:
    """Import what containerd does not have, and drop everything else."""
    store = ImageStore()
    for image in _stale(containerd, images, store):
        print(f"Importing {image}", flush=True)
        archive = scratch / "image.tar"
        store.save(image, archive)
        containerd.ctr("images", "import", str(archive))
        archive.unlink()
        _RECORD.write_text(json.dumps(_imported() | {image: store.image_id(image)}))
    # The kubelet's side of containerd lists an image once more, by its id.
    wanted = {*images, *_imported().values()}
    for name in set(containerd.ctr("images", "list", "--quiet")) - wanted:
        containerd.ctr("images", "remove", name)


def _stale(containerd: Containerd, images: Sequence[str], store: ImageStore) -> list[str]:
    present, imported = containerd.ctr("images", "list", "--quiet"), _imported()
    return [
        image
        for image in images
        if image not in present or imported.get(image) != (store.image_id(image) or "none")
    ]


def _imported() -> dict[str, str]:
    """Id of each image as it was imported last."""
    record: dict[str, str] = json.loads(_RECORD.read_text()) if _RECORD.exists() else {}
    return record


def main() -> None:
    """Import the images with a containerd that runs for that alone."""
    with FileLock(LOCK), tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        folder = Path(scratch)
        containerd = Containerd(folder / "containerd.sock")
        node_files.write(folder, IMAGES, containerd.socket, state=folder / "state")
        daemon = Daemon("containerd", ["containerd", "--config", str(folder / "containerd.toml")], folder)
        daemon.start()
        try:
            daemon.wait_until(containerd.answers)
            bring(containerd, ALL, folder)
        finally:
            daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
