"""Tensors of a file that `torch.save` wrote of a state dict, read without an unpickler.

Such a file is a zip: numbers as raw bytes, one entry for each storage, and `data.pkl`, a pickle that says
which tensor is which part of which storage. A pickle is a program. `torch.load` with `weights_only` runs it
with few functions to call; here it is not run at all: its instructions are listed, by `pickletools`, which
executes none, and the few that describe a state dict are followed. Any other one refuses the file.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.importing.bounded_zip import MEBIBYTE, BoundedZip

Floats = npt.NDArray[np.float32]

_PROGRAM_LIMIT_BYTES: Final = MEBIBYTE  # of a state dict of some dozens of tensors it is 10 KiB
_STORAGE_LIMIT_BYTES: Final = 128 * MEBIBYTE  # 4096 × 4096 float32 is 64 MiB
_DIMENSIONS: Final = 4  # of a tensor at most
_DICT, _TENSOR, _FLOATS = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch FloatStorage",
)


class _Name(NamedTuple):
    """What the program names, and nobody looks up."""

    name: str


class _Mark(NamedTuple):
    """Where the parts of a tuple or dict begin on the stack."""


class _Storage(NamedTuple):
    """A reference to an entry of the zip."""

    key: str


def read_state_dict(data: bytes, name: str) -> dict[str, Floats]:
    """The tensors of a state dict by their names, as arrays.

    Args:
        data: the content of the file.
        name: what errors call it.

    Raises:
        InputInvalid: it is damaged, too large, or holds anything but contiguous float32 tensors by name.
    """
    archive = BoundedZip(data, name)
    programs = [entry for entry in archive.entries if entry.endswith("/data.pkl")]
    if len(programs) != 1:
        raise InputInvalid(f"{name} is no file of tensors: it has {len(programs)} entries data.pkl, not one")
    folder = programs[0].removesuffix("data.pkl")
    if (order := f"{folder}byteorder") in archive.entries and archive.read(order, MEBIBYTE) != b"little":
        raise InputInvalid(f"{name} was written by a big-endian machine, which is not understood")
    reader = _Reader(lambda key: archive.read(f"{folder}data/{key}", _STORAGE_LIMIT_BYTES))
    try:
        return reader.follow(archive.read(programs[0], _PROGRAM_LIMIT_BYTES))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InputInvalid(f"{name} is not a plain file of float32 tensors by name: {error}") from None


class _Reader:
    """Follows the instructions of a state dict; ValueError, TypeError, KeyError, IndexError for others."""

    def __init__(self, storage: Callable[[str], bytes]) -> None:
        self._read = storage
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, Floats] = {}

    def follow(self, program: bytes) -> dict[str, Floats]:
        """What the program leaves behind."""
        for code, argument, _ in pickletools.genops(program):
            self._step(code.name, argument)
        (result,) = self._stack
        if not isinstance(result, dict) or not all(isinstance(v, np.ndarray) for v in result.values()):
            raise ValueError("it holds no tensors by name")
        return result

    def _step(self, code: str, argument: Any) -> None:
        stack = self._stack
        if code in _CONSTANTS:
            stack.append(_CONSTANTS[code](argument))
        elif code in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif code in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif code == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif code in _TUPLES:
            stack[-_TUPLES[code] :] = [tuple(stack[-_TUPLES[code] :])]
        elif code == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif code == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(self._made(called, arguments))
        elif code in ("SETITEM", "SETITEMS"):
            pairs = self._since_mark() if code == "SETITEMS" else [stack.pop(-2), stack.pop()]
            _add(stack[-1], pairs)
        elif code == "BUILD":
            stack.pop()  # versions of the modules, of which nothing is needed
        elif code not in ("PROTO", "STOP"):
            raise ValueError(f"its instruction {code} is not one of a state dict's")

    def _since_mark(self) -> list[Any]:
        parts: list[Any] = []
        while not isinstance(part := self._stack.pop(), _Mark):
            parts.append(part)
        return parts[::-1]

    def _made(self, called: object, arguments: tuple[Any, ...]) -> dict[str, Any] | Floats:
        if not isinstance(called, _Name) or called.name not in (_DICT, _TENSOR):
            raise ValueError(f"it would call {called.name if isinstance(called, _Name) else 'a value'}")
        if called.name == _TENSOR:
            return self._tensor(*arguments)
        if len(arguments):
            raise ValueError("it makes a dict of something")
        return {}

    def _tensor(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: object) -> Floats:
        """Part of a storage; of the rest, whether it asks for gradients, nothing is needed."""
        if not all(_are_counts(value) for value in ((offset,), shape, strides)) or len(shape) != len(strides):
            raise ValueError("a tensor has no shape")
        numbers, size = self._numbers(storage.key), math.prod(shape)
        steps = [math.prod(shape[place + 1 :]) for place in range(len(shape))]
        if any(n > 1 and stride != step for n, stride, step in zip(shape, strides, steps, strict=True)):
            raise ValueError(f"a tensor of shape {shape} is not contiguous")
        if offset + size > len(numbers):
            raise ValueError(f"a tensor of shape {shape} does not fit its {len(numbers)} numbers")
        return numbers[offset : offset + size].reshape(shape)

    def _numbers(self, key: str) -> Floats:
        if key not in self._storages:
            self._storages[key] = np.frombuffer(self._read(key), dtype="<f4")
        return self._storages[key]


_CONSTANTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "GLOBAL": _Name,
    "MARK": lambda _: _Mark(),
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_DICT": lambda _: {},
    "NEWFALSE": lambda _: False,
    "NEWTRUE": lambda _: True,
    "NONE": lambda _: None,
    **dict.fromkeys(("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"), lambda argument: argument),
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _are_counts(values: object) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= _DIMENSIONS
        and all(isinstance(value, int) and 0 <= value < _STORAGE_LIMIT_BYTES for value in values)
    )


def _storage(reference: object) -> _Storage:
    """("storage", its type, its key, its device, its length)."""
    kind, type_, key, *_ = reference if isinstance(reference, tuple) else ("", "", "")
    if kind != "storage" or not isinstance(key, str) or not key.isdecimal():
        raise ValueError("it refers to something that is no storage")
    if type_ != _Name(_FLOATS):
        raise ValueError(f"numbers are {type_.name if isinstance(type_, _Name) else 'of no type'}")
    return _Storage(key)


def _add(target: object, pairs: list[Any]) -> None:
    if not isinstance(target, dict) or not all(isinstance(key, str) for key in pairs[::2]):
        raise ValueError("a name is no text")
    target.update(zip(pairs[::2], pairs[1::2], strict=True))
