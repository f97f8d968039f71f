"""Faults a test asks for by an annotation of the Pod: in its template, or put on a running Pod later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

ANNOTATION = "testbed.collectiverl.io/fault"
_KILLED_CODE = 137
_EXIT = re.compile(r"exit-(\d{1,3})")


@dataclass(frozen=True)
class Fault:
    """`end`: the container ends with this code and reason. `evict`: the node throws the Pod out.

    `hang`: it does nothing, until the annotation is taken away.
    """

    kind: Literal["end", "evict", "hang"]
    exit_code: int = _KILLED_CODE
    reason: str = "Error"


def fault_of(pod: dict[str, Any]) -> Fault | None:
    """The fault the Pod's annotation asks for: `oom`, `evict`, `hang` or `exit-<code>`; ValueError else."""
    word = (pod["metadata"].get("annotations") or {}).get(ANNOTATION, "")
    if not word:
        return None
    if word in ("evict", "hang"):
        return Fault(word)
    if word == "oom":
        return Fault("end", _KILLED_CODE, "OOMKilled")
    code = _EXIT.fullmatch(word)
    if code is None:
        raise ValueError(f"{ANNOTATION}: {word!r} is none of oom, evict, hang, exit-<code>")
    return Fault("end", int(code[1]))
