"""The storage layout of a run. The only module of the operator that joins URIs; it opens none."""

from __future__ import annotations

from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.status import RunStatus

_REPORT_FILE = "report.html"
_REPORTING = ("evaluation", "comparison")


def storage_root(run: CollectiveRun) -> str:
    """`<storage.uri>/<namespace>/<name>-<first 8 of the uid>`: everything of the run lies below it."""
    return f"{run.spec.storage.uri.rstrip('/')}/{run.namespace}/{run.name}-{run.uid[:8]}"


def member_uri(root: str, phase: str, member: str) -> str:
    """Where attempts and checkpoints of a member lie."""
    return f"{root}/{phase}/{member}"


def relative_uri(root: str, uri: str) -> str:
    """A URI below the run's root as a status records it: relative, so that a status stays small."""
    return uri.removeprefix(f"{root}/").rstrip("/")


def absolute_uri(root: str, relative: str) -> str:
    """The URI that `relative_uri` shortened."""
    return f"{root}/{relative}"


def is_attempt_of(uri: str, member: str) -> bool:
    """Whether a URI is that of an attempt of the member whose URI is `member`."""
    return uri.startswith(f"{member}/attempt-") and ".." not in uri


def report_uri(status: RunStatus) -> str:
    """URI of the report, of several seeds that of their comparison; empty before it is published."""
    reporting = [phase for phase in status.phases if phase.name in _REPORTING and phase.members]
    uri = reporting[-1].members[0].uri if reporting else ""
    return f"{absolute_uri(status.storage_root, uri)}/{_REPORT_FILE}" if uri else ""
