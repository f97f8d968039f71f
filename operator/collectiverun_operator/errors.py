"""Errors of this half: each says what was wrong, where, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass


class CollectiveRunError(Exception):
    """Base of every error this half raises on purpose."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with a run file: the field's path, such as `spec.tasks[1].env`, and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidRun(CollectiveRunError):  # noqa: N818  (the name a reader of a traceback understands)
    """A run that can't be accepted. Carries every fault found, in the order of their paths."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
