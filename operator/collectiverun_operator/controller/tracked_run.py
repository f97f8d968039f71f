"""What is kept of a run between two reconciles. An operator that was started again does not need it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from collectiverun_operator.api.run import StoredRun
from collectiverun_operator.cluster.kubernetes.cache import is_older

# What a status is written with and an Event is about. Annotations may hold the whole run again.
_METADATA = ("namespace", "name", "uid", "generation", "resourceVersion")


@dataclass
class TrackedRun:
    """One run, by its UID. Moments are those of the controller's clock."""

    uid: str
    state: str = ""
    refreshed_at: float = -math.inf
    progress_at: float = -math.inf
    last_error: str = ""
    _stored: StoredRun | None = None
    # resourceVersions: as the operator left the run, and the newest that a watch event told of.
    _left: str = ""
    _seen: str = ""

    def see(self, version: str) -> bool:
        """A watch event told of this version; whether it is news, and not of what the operator wrote."""
        if not is_older(version, self._seen):
            self._seen = version
        return not self._is_unchanged()

    def keep(self, stored: StoredRun) -> None:
        """A reconcile left the run like this. Its body is not kept once it is finished: little follows."""
        self.state, self._left = stored.status.state, stored.version
        self._stored = None if stored.status.is_finished else _slim(stored)

    def distrust(self) -> None:
        """A write was refused: somebody changed the run, and the event that tells it has not come yet."""
        self._stored = None

    def newest(self) -> StoredRun | None:
        """The run as it was left, if nobody is known to have changed it since."""
        return self._stored if self._is_unchanged() else None

    def _is_unchanged(self) -> bool:
        """An event older than the last write is late news: a write succeeds on the newest version only."""
        return bool(self._left) and (self._seen in ("", self._left) or is_older(self._seen, self._left))


def _slim(stored: StoredRun) -> StoredRun:
    """Without what stands in its typed spec too, for hundreds of runs are kept."""
    metadata = {key: stored.body["metadata"][key] for key in _METADATA if key in stored.body["metadata"]}
    return replace(stored, body={"metadata": metadata, "status": stored.body.get("status") or {}})
