"""Errors of the operator: each says what was wrong, where, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass


class CollectiveRunError(Exception):
    """Base of every error the operator raises on purpose."""


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


class ClusterError(CollectiveRunError):
    """The API server refused a request.

    `code` is the HTTP status, `reason` Kubernetes' word for it, `sentence` the server's message; 0 and empty
    if there was no answer.
    """

    def __init__(self, message: str, *, code: int = 0, reason: str = "", sentence: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.sentence = sentence


class ClusterUnreachableError(ClusterError):
    """The API server did not answer, or its address is not known."""


class ConflictError(ClusterError):
    """The object was changed or deleted in the meantime: read it again and reconcile again."""


class NameTakenError(ClusterError):
    """A Job with another owner has the name that a Job of this run needs."""
