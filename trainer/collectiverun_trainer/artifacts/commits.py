"""Earlier commits of a member: an attempt reports one again instead of repeating the work.

A Pod may vanish between its commit and the reading of its result. So an attempt first looks below its own
member's `attempt-*/*/`. With the checkpoints, and an earlier run that is named, this is the only listing of
storage by a phase (docs/adr/002, 021).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from collectiverun_trainer.artifacts import agreement
from collectiverun_trainer.artifacts.artifact import COMMIT_NAME, Artifact
from collectiverun_trainer.artifacts.parts import verify
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import PhaseOrder, PhaseResult

_ATTEMPT = re.compile(r"attempt-([1-9]\d*)")
_logger = logging.getLogger(__name__)


def earlier_result(storage: Storage, order: PhaseOrder, config: Mapping[str, Any]) -> PhaseResult | None:
    """Result of the member's first commit whose every file verifies; None if there is none.

    Raises:
        InvalidConfiguration: if it was made with another configuration, or from other inputs.
    """
    for uri in committed(storage, order.member_uri):
        try:
            artifact = Artifact.open(storage, uri)
            verify(storage, artifact)
            result = _result(artifact)
        except InputInvalid as error:
            _logger.warning("An earlier commit cannot be used, the work is repeated: %s", error)
            continue
        agreement.require(config, artifact.manifest.get("config", {}), uri)
        agreement.require_inputs(order, artifact.manifest.get("parents", {}), uri)
        return result
    return None


def committed(storage: Storage, member_uri: str) -> Iterator[str]:
    """URIs with a commit, the earliest attempt first."""
    matches = (_ATTEMPT.fullmatch(name) for name in storage.list(member_uri))
    for attempt in sorted(int(match[1]) for match in matches if match):
        attempt_uri = join(member_uri, f"attempt-{attempt}")
        for pod in storage.list(attempt_uri):
            if storage.exists(join(attempt_uri, pod, COMMIT_NAME)):
                yield join(attempt_uri, pod)


def first_commits(storage: Storage, phase_uri: str) -> Iterator[str]:
    """URI of what each member of a phase committed first, as the run itself takes it."""
    for member in storage.list(phase_uri):
        uri = next(committed(storage, join(phase_uri, member)), None)
        if uri is not None:
            yield uri


def _result(artifact: Artifact) -> PhaseResult:
    try:
        result = PhaseResult.model_validate(artifact.manifest.get("result"))
    except ValidationError as error:
        raise InputInvalid(f"The manifest of {artifact.uri} holds no result.") from error
    return result.model_copy(update={"uri": artifact.uri, "manifest_sha256": artifact.manifest_sha256})
