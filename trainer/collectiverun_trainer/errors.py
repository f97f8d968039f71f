"""The ways a phase can fail, each with its exit code and reason.

PhaseError
├── Usage                  2    the command line is wrong
├── InvalidConfiguration   3    the order or a parameter is wrong; never retried
│   └── StorageRefused     3    storage can't be used as it is: access, a missing bucket, read-only; the same
├── InputInvalid           4    an input is missing or corrupt; never retried
├── StorageUnavailable     5    storage did not answer for minutes; counts as an infrastructure failure
└── Stopped              143    asked to stop; the next attempt resumes from the last checkpoint
"""

from __future__ import annotations

from typing import ClassVar


class PhaseError(Exception):
    """The message is one sentence for a person; exit code and reason are for the operator."""

    exit_code: ClassVar[int] = 1
    reason: ClassVar[str] = "PhaseFailed"


class Usage(PhaseError):  # noqa: N818
    """The command line is invalid."""

    exit_code = 2
    reason = "Usage"


class InvalidConfiguration(PhaseError):  # noqa: N818
    """The order is wrong, and a retry cannot help."""

    exit_code = 3
    reason = "InvalidConfiguration"


class StorageRefused(InvalidConfiguration):
    """Storage cannot be used until a person changes it, or the access to it."""

    reason = "StorageRefused"


class InputInvalid(PhaseError):  # noqa: N818
    """An artifact is missing, was never committed, or does not match its digest."""

    exit_code = 4
    reason = "InputInvalid"


class StorageUnavailable(PhaseError):  # noqa: N818
    """Storage did not answer although it was retried for minutes."""

    exit_code = 5
    reason = "StorageUnavailable"


class Stopped(PhaseError):  # noqa: N818
    """The phase was asked to stop, as by SIGTERM."""

    exit_code = 143
    reason = "Stopped"
