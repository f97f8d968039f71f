"""Artifacts: files with digests, published as a whole; how one is written and how one is verified.

Layout below the artifact's URI: the files (and parts, see `parts.py`), then `manifest.json` (their sizes and
sha256, and what the artifact is), then `_SUCCESS` (the manifest's sha256). `_SUCCESS` with a matching digest
is the commit; without it there is no artifact. Tensors are safetensors, the rest is JSON; nothing is ever
unpickled.

torch and safetensors are imported late, by what reads or writes tensors: commands that read JSON alone, such
as `collectiverun list`, answer before torch would be loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

FORMAT: Final = "collectiverun-artifact/1"
MANIFEST_NAME: Final = "manifest.json"
COMMIT_NAME: Final = "_SUCCESS"
# Damage fails a run at once, so it is looked at twice: a gateway may have cut the first answer short.
READS: Final = 2
_RESERVED_KEYS = frozenset({"format", "files"})

Array: TypeAlias = "Tensor | np.ndarray[Any, Any]"


class NeverCommitted(InputInvalid):
    """There is no commit: whoever wrote here did not finish."""


class Commit(NamedTuple):
    """URI and digest of a published artifact; together they identify its exact content."""

    uri: str
    manifest_sha256: str


class ArtifactWriter:
    """Writes one artifact. Files go to storage as they are added, the manifest and the commit at the end."""

    def __init__(self, storage: Storage, uri: str) -> None:
        self.uri = uri
        self._storage = storage
        self._files: dict[str, dict[str, Any]] = {}
        self._committed = False

    def add(self, name: str, data: bytes) -> None:
        """Write one file; `name` may have folders.

        Raises:
            ValueError: if the name is taken, reserved or leads out of the artifact, or all is committed.
        """
        if self._committed:
            raise ValueError(f"{self.uri} is committed; {name!r} can't be added any more.")
        if name in self._files or name in (MANIFEST_NAME, COMMIT_NAME):
            raise ValueError(f"{name!r} is already a file of {self.uri}.")
        self._storage.write(join(self.uri, name), data)
        self._files[name] = {"sizeBytes": len(data), "sha256": _sha256(data)}

    def add_json(self, name: str, document: Any) -> None:
        """Write a JSON file, keys in their order. Raises ValueError for NaN and infinity."""
        self.add(name, json.dumps(document, allow_nan=False, indent=1).encode())

    def add_tensors(self, name: str, tensors: Mapping[str, Array]) -> None:
        """Write tensors and arrays of any device as one safetensors file."""
        self.add(name, tensors_to_bytes(tensors))

    def commit(self, metadata: Mapping[str, Any]) -> Commit:
        """Write the manifest (`metadata` and the files), then the commit."""
        if clash := _RESERVED_KEYS & metadata.keys():
            raise ValueError(f"The manifest's own keys can't be metadata: {sorted(clash)}.")
        manifest = {"format": FORMAT, "files": self._files, **metadata}
        data = json.dumps(manifest, allow_nan=False, sort_keys=True, indent=1).encode()
        digest = _sha256(data)
        self._storage.write(join(self.uri, MANIFEST_NAME), data)
        self._storage.write(join(self.uri, COMMIT_NAME), digest.encode())
        self._committed = True
        return Commit(self.uri, digest)


class Artifact:
    """A committed artifact. Every read is verified against the manifest; a mismatch raises InputInvalid."""

    def __init__(self, storage: Storage, uri: str, manifest: dict[str, Any], manifest_sha256: str) -> None:
        self.uri = uri
        self.manifest = manifest
        self.manifest_sha256 = manifest_sha256
        self._storage = storage
        self._files: dict[str, dict[str, Any]] = manifest["files"]

    @classmethod
    def open(cls, storage: Storage, uri: str, manifest_sha256: str | None = None) -> Artifact:
        """Open what was committed at `uri`.

        Raises:
            NeverCommitted: if nothing was committed there.
            InputInvalid: if it is damaged, or `manifest_sha256` differs.
        """
        committed = _commit(storage, uri)
        data = _read(storage, uri, MANIFEST_NAME)
        digest = _sha256(data)
        if digest != committed:
            raise InputInvalid(
                f"The manifest of {uri} does not match its commit (sha256 {digest}, not {committed!r})."
            )
        if manifest_sha256 is not None and digest != manifest_sha256:
            raise InputInvalid(
                f"{uri} is not the artifact that was ordered (sha256 {digest}, not {manifest_sha256})."
            )
        return cls(storage, uri, _manifest(data, uri), digest)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, sorted."""
        return tuple(sorted(self._files))

    def sha256(self, name: str) -> str:
        """Digest of one file, as the manifest has it."""
        return str(self._entry(name)["sha256"])

    def read(self, name: str) -> bytes:
        """Content of one file."""
        expected, size = self._entry(name), 0
        for data in (_read(self._storage, self.uri, name) for _ in range(READS)):
            size = len(data)
            if size == expected["sizeBytes"] and _sha256(data) == expected["sha256"]:
                return data
        raise InputInvalid(
            f"{join(self.uri, name)} is damaged: it has {size} bytes of {expected['sizeBytes']} "
            "or its sha256 is not the manifest's."
        )

    def read_json(self, name: str) -> Any:
        """Content of one JSON file."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise InputInvalid(f"{join(self.uri, name)} is not JSON: {error}.") from error

    def read_json_lines(self, name: str) -> list[Any]:
        """Content of a file with one JSON document a line."""
        try:
            return [json.loads(line) for line in self.read(name).splitlines()]
        except ValueError as error:
            raise InputInvalid(f"{join(self.uri, name)} is no JSON lines: {error}.") from error

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Tensors of one safetensors file, on the CPU."""
        import safetensors
        from safetensors.torch import load as tensors_from_bytes

        try:
            return tensors_from_bytes(self.read(name))
        except safetensors.SafetensorError as error:
            raise InputInvalid(f"{join(self.uri, name)} is not a safetensors file: {error}.") from error

    def _entry(self, name: str) -> dict[str, Any]:
        if name not in self._files:
            raise InputInvalid(
                f"{self.uri} has no file {name!r}; it holds {', '.join(self.names) or 'none'}."
            )
        return self._files[name]

    def verify(self) -> None:
        """Read every file and check its digest."""
        for name in self.names:
            self.read(name)


def opened(artifact: Artifact) -> Artifact:
    """The artifact. For an address TypeError, with what to write: nobody checks the types of a script."""
    if not isinstance(artifact, Artifact):
        raise TypeError(
            f"{artifact!r} is no Artifact: Artifact.open makes one of a storage and a URI, and"
            " collectiverun_trainer.learned.open_run opens a run of any address"
        )
    return artifact


def tensors_to_bytes(tensors: Mapping[str, Array]) -> bytes:
    """Safetensors file of tensors and arrays."""
    import safetensors.numpy

    # Through NumPy: torch's writer refuses tensors that share memory, as slices of a stack do.
    arrays = {name: _to_numpy(tensor) for name, tensor in tensors.items()}
    return safetensors.numpy.save(arrays)


def _to_numpy(tensor: Array) -> np.ndarray[Any, Any]:
    import numpy as np

    array = tensor if isinstance(tensor, np.ndarray | np.generic) else tensor.detach().cpu().numpy()
    return np.ascontiguousarray(array).reshape(
        array.shape
    )  # ascontiguousarray alone would make 0-d arrays 1-d


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _commit(storage: Storage, uri: str) -> str:
    """The digest that stands in the commit."""
    try:
        return storage.read(join(uri, COMMIT_NAME)).decode(errors="replace").strip()
    except FileNotFoundError as error:
        raise NeverCommitted(
            f"The artifact at {uri} has no {COMMIT_NAME}: it was never committed."
        ) from error


def _read(storage: Storage, uri: str, name: str) -> bytes:
    try:
        return storage.read(join(uri, name))
    except FileNotFoundError as error:
        raise InputInvalid(f"The artifact at {uri} has no {name}: it is damaged.") from error


def _manifest(data: bytes, uri: str) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
        if manifest["format"] != FORMAT:
            raise InputInvalid(f"{uri} has format {manifest['format']!r}; this trainer reads {FORMAT!r}.")
        files = manifest["files"].values()
        if not all(isinstance(f["sizeBytes"], int) and isinstance(f["sha256"], str) for f in files):
            raise TypeError("a file without size or digest")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputInvalid(f"The manifest of {uri} is not valid: {error!r}.") from error
    return cast(dict[str, Any], manifest)
