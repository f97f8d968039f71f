"""What killed attempts of a member left in storage unseen: uploads in parts that were never completed.

S3 keeps their parts, which nobody lists and somebody pays for, until they are aborted.
"""

from __future__ import annotations

import re

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.order import PhaseOrder

_ATTEMPT = re.compile(r"(?:checkpoints/)?attempt-([1-9]\d*)[-/]")


def abort_cut_off_uploads(storage: Storage, order: PhaseOrder) -> None:
    """Abort uploads of this attempt of a member and of earlier ones; a later one has replaced this."""

    def is_own(name: str) -> bool:
        match = _ATTEMPT.match(name)
        return match is not None and int(match[1]) <= order.attempt

    storage.abort_uploads(order.member_uri, is_own)
