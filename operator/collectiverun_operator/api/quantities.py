"""Kubernetes quantities, such as `500m` or `4Gi`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
# For the CRD: an integer, or a string that parse_quantity accepts.
QUANTITY_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "minimum": 0,
    "maxLength": 32,
    "pattern": r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$",
    "x-kubernetes-int-or-string": True,
}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def parse_quantity(quantity: object) -> Decimal:
    """The number a quantity stands for: cores, bytes or pieces. Raises ValueError for anything else."""
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or isinstance(quantity, bool):
        raise ValueError(f"{quantity!r} is not a quantity; write for example 500m, 2 or 4Gi")
    number, suffix = match.group(1), match.group(2) or ""
    if suffix in _DECIMAL:
        return Decimal(number).scaleb(3 * _DECIMAL[suffix])
    if suffix in _BINARY:
        return Decimal(number) * Decimal(1024) ** _BINARY[suffix]
    return Decimal(number + suffix)


def check_quantity(quantity: object) -> object:
    """The quantity itself, if it is one and not negative; ValueError otherwise."""
    if parse_quantity(quantity) < 0:
        raise ValueError(f"{quantity!r} is negative; write 0 or more")
    return quantity


def effective_requests(resources: Mapping[str, Any]) -> dict[str, Any]:
    """What a container requests, by resource: a limit stands in for a missing request, as in Kubernetes."""
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
