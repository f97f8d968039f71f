"""A checkpoint's state as one JSON tree and one flat set of tensors, and back, bit for bit.

Plain dicts with string keys, lists, strings, ints, bools, None and finite floats stand in the tree as they
are. Everything else is an object with one key that starts with "$": `$tensor` and `$array` name a tensor,
`$tuple` and `$dict` hold what JSON has no form for, `$float` is nan, inf or -inf.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from collectiverun_trainer.artifacts.artifact import Array
from collectiverun_trainer.errors import InputInvalid


def flatten(state: Any) -> tuple[Any, dict[str, Array]]:
    """Split a state into (JSON tree, tensors by name).

    Raises:
        TypeError: if it holds anything but tensors, arrays, dicts, lists, tuples and scalars.
    """
    tensors: dict[str, Array] = {}
    return _encode(state, "state", tensors), tensors


def unflatten(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """State that `flatten` split. Raises InputInvalid if the two do not belong together."""
    try:
        return _decode(tree, tensors)
    except (KeyError, ValueError, TypeError) as error:
        raise InputInvalid(f"The state's tree and tensors do not belong together: {error!r}.") from error


def _encode(value: Any, path: str, tensors: dict[str, Array]) -> Any:
    if isinstance(value, Tensor | np.ndarray):
        tensors[path] = value
        return {"$tensor" if isinstance(value, Tensor) else "$array": path}
    if isinstance(value, dict):
        return _encode_dict(value, path, tensors)
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{path}.{index}", tensors) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"$tuple": items}
    # Exact types: a NumPy scalar is a float to isinstance, but would come back as another type.
    if type(value) is float and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(
        f"{path} is a {type(value).__name__}, which a checkpoint cannot hold; use a tensor or .item()."
    )


def _encode_dict(value: dict[Any, Any], path: str, tensors: dict[str, Array]) -> Any:
    # Paths count positions, not keys, because a dict may have both 1 and "1".
    encoded = [
        (key, _encode(item, f"{path}.{index}-{key}", tensors))
        for index, (key, item) in enumerate(value.items())
    ]
    if all(type(key) is str and not key.startswith("$") for key in value):
        return dict(encoded)
    return {"$dict": [[_encode(key, f"{path} (a key)", tensors), item] for key, item in encoded]}


def _decode(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(tree, list):
        return [_decode(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match list(tree.items()):
        case [("$tensor", name)]:
            return tensors[name]
        case [("$array", name)]:
            return tensors[name].numpy()
        case [("$tuple", items)]:
            return tuple(_decode(item, tensors) for item in items)
        case [("$dict", pairs)]:
            return {_decode(key, tensors): _decode(item, tensors) for key, item in pairs}
        case [("$float", text)]:
            return float(text)
        case pairs:
            return {key: _decode(item, tensors) for key, item in pairs}
