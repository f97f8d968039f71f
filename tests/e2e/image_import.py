"""The images under test, from buildah's store into the containerd of a node.

An archive of them holds 6 GB, to be written, read and unpacked: minutes, and all of it twice on the disk.
Both stores keep a layer as a folder for the kernel's overlay file system, so the node's are made of links to
the same files, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from e2e.container_images import ImageStore
from e2e.containerd import Containerd


class MissingImageError(RuntimeError):
    """An image that is not built."""


def bring(containerd: Containerd, images: Sequence[str], archive: Path, store: ImageStore) -> None:
    """Let a containerd that has no images have these; `archive` is for use meanwhile."""
    linked: set[str] = set()
    for name in images:
        image_id = store.image_id(name)
        if image_id is None:
            raise MissingImageError(f"{name} is not built. Run `bash tests/e2e/prepare` first.")
        image = store.image(image_id)
        below = None
        for layer in image.layers():
            if layer.chain not in linked:
                containerd.link_layer(layer.folder, layer.chain, below)
                linked.add(layer.chain)
            below = layer.chain
        image.write_description(archive, name)
        containerd.import_image(archive)
    archive.unlink()
