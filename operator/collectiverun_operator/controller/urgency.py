"""How soon a run is reconciled after what was told of one of its Jobs or Pods. Pure.

Events come in bursts, of several members at once: each reconcile that waits a little takes more of them into
one status write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectiverun_operator.api.outcome import Active
from collectiverun_operator.api.pod_outcome import has_ended, is_finished, pod_outcome
from collectiverun_operator.cluster.kubernetes.cache import Kind

AT_ONCE = 0.0
SOON_SECONDS = 1.0
# What begins is told again when it runs, and what is over and cleared away keeps nobody waiting.
LATER_SECONDS = 3.0

# What each Pod goes through before it runs.
_BEGINNING = ("", "ContainerCreating", "PodInitializing")


def patience(kind: Kind, body: Mapping[str, Any], is_gone: bool) -> float:
    """Seconds until the run should be reconciled; 0 for the end of a Pod: the next phase may wait for it."""
    document = dict(body)
    if kind == "Pod" and has_ended(document):
        return LATER_SECONDS if is_gone else AT_ONCE
    if is_gone or "deletionTimestamp" in body["metadata"]:
        return LATER_SECONDS if _is_complete(body) else SOON_SECONDS
    is_dull = _begins(document) if kind == "Pod" else _is_complete(body) or _is_let_go(document)
    return LATER_SECONDS if is_dull else SOON_SECONDS


def _is_complete(job: Mapping[str, Any]) -> bool:
    """Whether a Job succeeded. The next attempt may wait for one that failed."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Complete" and c.get("status") == "True" for c in conditions)


def _is_let_go(job: dict[str, Any]) -> bool:
    return not (is_finished(job) or (job.get("spec") or {}).get("suspend"))


def _begins(pod: dict[str, Any]) -> bool:
    outcome = pod_outcome(pod)
    return isinstance(outcome, Active) and outcome.stage == "Pending" and outcome.waiting in _BEGINNING
