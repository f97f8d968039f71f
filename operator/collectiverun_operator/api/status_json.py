"""The status of a run as JSON: read, written, and what of it must be written at once.

Bounded: at most 64 members a phase, relative URIs and short messages keep the whole below 64 KiB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from collectiverun_operator.api.status import MemberStatus, PhaseStatus, RunStatus
from collectiverun_operator.errors import CollectiveRunError

LIMIT_BYTES = 64 * 1024

# Figures of the run that change all the time; they are written now and then.
_RUN_FIGURES = ("success", "bestSuccess", "successRate", "etaSeconds", "eta")
_FIGURES = ("envSteps", "success", "etaSeconds")


class UnreadableStatusError(CollectiveRunError):
    """A status that this version did not write and can't read."""


def read_status(document: Mapping[str, Any]) -> RunStatus | None:
    """The status as it was written; None if none was yet. Raises UnreadableStatusError with a sentence."""
    if not document.get("specHash"):
        return None
    try:
        return RunStatus.model_validate_json(json.dumps(document))
    except (ValidationError, TypeError, ValueError) as error:
        text = (
            f"the run's status can't be read, so nothing is done with it: {error}; restore or delete the run"
        )
        raise UnreadableStatusError(text) from error


def write_document(status: RunStatus) -> dict[str, Any]:
    """The status as JSON; fields of a member that say nothing are left out."""
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"phases"})
    document["phases"] = [_phase_document(phase) for phase in status.phases]
    return document


def without_progress(document: Mapping[str, Any]) -> dict[str, Any]:
    """A status without its progress figures: what is left must be written at once when it changes."""
    left = {key: value for key, value in document.items() if key not in _RUN_FIGURES}
    left["phases"] = [_without_figures(phase) for phase in document.get("phases", [])]
    return left


def _phase_document(phase: PhaseStatus) -> dict[str, Any]:
    document = phase.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"members"})
    document["members"] = [_member_document(member) for member in phase.members]
    return document


def _member_document(member: MemberStatus) -> dict[str, Any]:
    said = member.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"name": member.name, "state": member.state, "attempt": member.attempt} | said


def _without_figures(phase: Mapping[str, Any]) -> dict[str, Any]:
    left = {key: value for key, value in phase.items() if key not in _FIGURES}
    left["members"] = [
        {key: value for key, value in member.items() if key not in _FIGURES} for member in phase["members"]
    ]
    return left
