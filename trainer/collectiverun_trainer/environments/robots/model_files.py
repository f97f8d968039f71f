"""An arm's MJCF model in memory: its text and the files that it names, read once and told by their digest.

A run may bring its own arm along. What is simulated must then be what is published with the run's work, and
another model under the same name must be noticed; so a model is read once, and composed from what was read.
"""

from __future__ import annotations

import hashlib
import posixpath
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import mujoco

from collectiverun_trainer.errors import InvalidConfiguration

MODEL: Final = "model.xml"
"""What the MJCF text itself is called among the files, however its user calls it."""
_WORDS: Final = ("name", "class", "childclass", "file", "model")
LIMIT_BYTES: Final = 16 * 2**20
"""Of all files of a model: each artifact that was made with it holds a copy."""


class ArmFault(InvalidConfiguration):
    """A robot's model that cannot be used; the message is its sentences, one for every fault."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model: `MODEL`, and each mesh and texture by the path that the model gives it."""

    place: str
    """Where they were read, for messages."""
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, place: Path) -> ModelFiles:
        """The model in an MJCF file, or in a folder that holds one, such as a mounted ConfigMap.

        Raises:
            ArmFault: there is none, it can't be read, or a file that it names is missing.
        """
        path = _mjcf_file(place) if place.is_dir() else place
        if not path.is_file():
            raise ArmFault(f"There is no file {str(path)!r}.")
        files = {MODEL: _content(path)}
        for name in _named(_spec(files[MODEL], str(path))):
            files[name] = _asset(path.parent, name)
        found = cls(str(path), files)
        if found.size > LIMIT_BYTES:
            raise ArmFault(
                f"{str(path)!r} and the files it names have {found.size / 2**20:.1f} MiB; at most"
                f" {LIMIT_BYTES >> 20} MiB are taken: draw it with fewer or coarser meshes."
            )
        return found

    @property
    def size(self) -> int:
        """Of all files, in bytes."""
        return sum(map(len, self.files.values()))

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all files; where they lie does not matter."""
        parts = (f"{hashlib.sha256(self.files[name]).hexdigest()} {name}\n" for name in sorted(self.files))
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def spec(self) -> Any:
        """A new `mujoco.MjSpec` of the model, not compiled; its `assets` hold the other files.

        They get names that no file of Meta-World has: MuJoCo takes what is in memory before a file.
        """
        spec = _spec(self.files[MODEL], self.place)
        assets = {}
        for part, folder in _parts(spec):
            name = _name(spec, part, folder)
            part.file = self._held(name)
            assets[part.file] = self.files[name]
        spec.meshdir = spec.texturedir = ""
        spec.assets = assets
        return spec

    def with_its_names(self, message: str) -> str:
        """A message of MuJoCo's about a `spec` with its files called as the user calls them."""
        for name in self.files:
            message = message.replace(self._held(name), name)
        return message

    def _held(self, name: str) -> str:
        return f"arm-{hashlib.sha256(self.files[name]).hexdigest()}{PurePosixPath(name).suffix}"


def one_line(error: Exception) -> str:
    """MuJoCo's message as a part of a sentence."""
    lines = [" ".join(line.split()).rstrip(".") for line in str(error).splitlines()]
    return "; ".join(filter(None, lines)).removeprefix("Error: ")


def _mjcf_file(folder: Path) -> Path:
    found = sorted(path for path in folder.glob("*.xml") if path.is_file())
    if not found:
        raise ArmFault(f"{str(folder)!r} holds no file that ends in .xml; put the arm's MJCF file there.")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ArmFault(
            f"{str(folder)!r} holds {len(found)} files that end in .xml ({names}); leave the arm's alone."
        )
    return found[0]


def _spec(text: bytes, place: str) -> Any:
    """The text as an `mujoco.MjSpec`, whose files are not looked at. ArmFault if MuJoCo can't read it."""
    try:
        decoded = _decoded(text, place)
        elements = list(ElementTree.fromstring(decoded).iter())
        if faults := [*_faults_of_text(elements)]:
            raise ArmFault(*faults)
        return mujoco.MjSpec.from_string(decoded)
    except (ValueError, ElementTree.ParseError) as error:
        raise ArmFault(f"MuJoCo can't read {place!r}: {one_line(error)}.") from error


def _decoded(text: bytes, place: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ArmFault(f"{place!r} is not in UTF-8 (its byte {error.start}); save it as such.") from error


def _faults_of_text(elements: Sequence[ElementTree.Element]) -> Iterator[str]:
    """What MuJoCo would read in another way, look for elsewhere, or only warn of."""
    if elements[0].tag != "mujoco":
        yield (
            f"It begins with <{elements[0].tag}>, so it is no MJCF file, which begins with <mujoco>; what"
            " MuJoCo compiles from a URDF it can save as one (mujoco.mj_saveLastXML)."
        )
    included = [each.get("file", "") for each in elements if each.tag == "include"]
    if included:
        yield f"It includes {', '.join(map(repr, included))}; write the arm in one MJCF file."
    for each in elements:
        for name, value in each.attrib.items():
            if name not in _WORDS and "nan" in value.lower().split():
                yield f"{name}={value!r} of a <{each.tag}> is no number; write what it is."


def _named(spec: Any) -> Iterator[str]:
    """The files that a model names; ArmFault for those of kinds that are not supported."""
    others = [part.file for part in (*spec.hfields, *spec.skins) if part.file]
    others += [file for texture in spec.textures for file in texture.cubefiles if file]
    if others:
        raise ArmFault(
            f"It names {', '.join(map(repr, others))}; of an arm's files only meshes and flat textures are"
            " taken."
        )
    yield from dict.fromkeys(_name(spec, part, folder) for part, folder in _parts(spec))


def _parts(spec: Any) -> list[tuple[Any, str]]:
    """Meshes and textures that are files, with the folder that the model gives for each kind."""
    meshes = [(mesh, spec.meshdir) for mesh in spec.meshes]
    textures = [(texture, spec.texturedir) for texture in spec.textures]
    return [(part, folder) for part, folder in (*meshes, *textures) if part.file]


def _name(spec: Any, part: Any, folder: str) -> str:
    file = posixpath.basename(part.file) if spec.strippath else part.file
    return posixpath.normpath(posixpath.join(folder, file))


def _asset(folder: Path, name: str) -> bytes:
    """A file that the model names: there, or beside the model, since a ConfigMap has no folders."""
    if name.startswith(("/", "../")):
        raise ArmFault(f"It names {name!r}, which does not lie in the folder of the model; move it there.")
    beside = posixpath.basename(name)
    for path in (folder / name, folder / beside):
        if path.is_file():
            return _content(path)
    told = "beside the model" if name == beside else f"there, nor is {beside!r} beside the model"
    raise ArmFault(f"It names the file {name!r}, which is not {told}.")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ArmFault(f"{str(path)!r} can't be read: {error.strerror}.") from error
