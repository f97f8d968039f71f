"""An image as buildah keeps it: a manifest, a configuration, and for each layer a folder with its files.

The folders are what the kernel's overlay file system takes, with its own signs for what a layer removes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

_NAME = "io.containerd.image.name"


class UnreadableStoreError(RuntimeError):
    """The store is not as this module knows it."""


@dataclass(frozen=True)
class Layer:
    """One layer. `chain` names it with all that are below it, in the way of the OCI's image specification."""

    digest: str
    folder: Path
    chain: str


class StoredImage:
    """One image, by its id."""

    def __init__(self, storage: Path, image_id: str) -> None:
        self._storage = storage
        self._folder = storage / "overlay-images" / image_id.removeprefix("sha256:")
        self.manifest = (self._folder / "manifest").read_bytes()
        self._description: dict[str, Any] = json.loads(self.manifest)

    @property
    def configuration(self) -> bytes:
        """The document whose digest is the image's id."""
        name = base64.b64encode(self._description["config"]["digest"].encode()).decode()
        return (self._folder / f"={name}").read_bytes()

    def layers(self) -> list[Layer]:
        """From the lowest to the highest. Raises UnreadableStoreError."""
        layers: list[Layer] = []
        for identity, digest in self._stored_layers():
            chain = _digest(f"{layers[-1].chain} {digest}".encode()) if layers else digest
            layers.append(Layer(digest, self._storage / "overlay" / identity / "diff", chain))
        named = [layer["digest"] for layer in self._description["layers"]]
        if [layer.digest for layer in layers] != named:
            raise UnreadableStoreError(f"{self._folder} has other layers than its manifest names: {named}")
        return layers

    def write_description(self, archive: Path, name: str) -> None:
        """An OCI archive of the image under this name without its layers."""
        index = {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": self._description["mediaType"],
                    "digest": _digest(self.manifest),
                    "size": len(self.manifest),
                    "annotations": {_NAME: name},
                }
            ],
        }
        files = {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps(index).encode(),
            **{_blob_path(content): content for content in (self.manifest, self.configuration)},
        }
        with tarfile.open(archive, "w") as tar:
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, BytesIO(content))

    def _stored_layers(self) -> list[tuple[str, str]]:
        """(id, digest) of each, from the lowest to the highest."""
        records = json.loads((self._storage / "overlay-layers" / "layers.json").read_text())
        by_id = {record["id"]: record for record in records}
        images = json.loads((self._folder.parent / "images.json").read_text())
        identity = next(image["layer"] for image in images if image["id"] == self._folder.name)
        layers = []
        while identity:
            record = by_id[identity]
            layers.append((identity, record["diff-digest"]))
            identity = record.get("parent")
        return layers[::-1]


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob_path(content: bytes) -> str:
    return f"blobs/{_digest(content).replace(':', '/')}"
