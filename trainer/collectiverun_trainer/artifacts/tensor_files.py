"""A state's tensors as several files, so that no more than a sixteenth of them is ever held twice.

A replay is most of what a process holds; its bytes made at once would multiply that. A tensor larger than a
file is cut along its first dimensions; `pieces.json` tells its whole shape. Small states are one file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from torch import Tensor

from collectiverun_trainer.artifacts.artifact import Array, Artifact, ArtifactWriter
from collectiverun_trainer.errors import InputInvalid

TENSORS_NAME: Final = "state.safetensors"
PIECES_NAME: Final = "pieces.json"
LEAST_FILE_BYTES: Final = 2**20
_FILES = 16
_SUFFIX = ".safetensors"


def write_tensors(
    writer: ArtifactWriter, tensors: Mapping[str, Array], least_file_bytes: int = LEAST_FILE_BYTES
) -> None:
    """Add the tensors to an artifact. Views are fine: a piece is copied when it is written."""
    file_bytes = max(least_file_bytes, sum(tensor.nbytes for tensor in tensors.values()) // _FILES)
    shapes: dict[str, list[int]] = {}
    for index, part in enumerate(_files(tensors, file_bytes, shapes), start=1):
        writer.add_tensors(TENSORS_NAME if index == 1 else f"state-{index}{_SUFFIX}", part)
    if shapes:
        writer.add_json(PIECES_NAME, shapes)


def read_tensors(artifact: Artifact) -> dict[str, Tensor]:
    """What `write_tensors` wrote, on the CPU. Raises InputInvalid if a piece is missing or does not fit."""
    shapes: dict[str, list[int]] = artifact.read_json(PIECES_NAME) if PIECES_NAME in artifact.names else {}
    found: dict[str, Tensor] = {}
    places: dict[str, int] = {}  # where the next piece of a tensor begins
    for file in (name for name in artifact.names if name.endswith(_SUFFIX)):
        for key, tensor in artifact.read_tensors(file).items():
            name, _, place = key.rpartition("#")
            if name not in shapes:
                found[key] = tensor
                continue
            whole = found.setdefault(name, torch.empty(shapes[name], dtype=tensor.dtype)).view(-1)
            whole[int(place) : int(place) + tensor.numel()] = tensor.flatten()
            places[name] = places.get(name, 0) + tensor.numel()
    if incomplete := [name for name, shape in shapes.items() if places.get(name, 0) != math.prod(shape)]:
        raise InputInvalid(f"{artifact.uri} lacks pieces of {', '.join(incomplete)}.")
    return found


def _files(
    tensors: Mapping[str, Array], file_bytes: int, shapes: dict[str, list[int]]
) -> Iterator[dict[str, Array]]:
    """The tensors in parts of at most `file_bytes`, at least one; `shapes` gets those of cut tensors."""
    part: dict[str, Array] = {}
    size = 0
    for name, tensor in _pieces(tensors, file_bytes, shapes):
        if part and size + tensor.nbytes > file_bytes:
            yield part
            part, size = {}, 0
        part[name] = tensor
        size += tensor.nbytes
    yield part


def _pieces(
    tensors: Mapping[str, Array], file_bytes: int, shapes: dict[str, list[int]]
) -> Iterator[tuple[str, Array]]:
    """Tensors as they are, or cut, each piece named by the number of the first entry that it holds."""
    for name, tensor in tensors.items():
        if tensor.nbytes <= file_bytes or tensor.ndim == 0:
            yield name, tensor
            continue
        shapes[name] = list(tensor.shape)
        place = 0
        for piece in _cut(tensor, file_bytes):
            yield f"{name}#{place}", piece
            place += math.prod(piece.shape)


def _cut(tensor: Array, file_bytes: int) -> Iterator[Array]:
    """Views of at most `file_bytes`, in the order of the entries."""
    rows = max(1, file_bytes * len(tensor) // tensor.nbytes)
    for start in range(0, len(tensor), rows):
        block = tensor[start : start + rows]
        if block.nbytes > file_bytes and block.ndim > 1:
            yield from _cut(block[0], file_bytes)
        else:
            yield block
