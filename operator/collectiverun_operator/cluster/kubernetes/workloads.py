"""A Workload of Kueue → why it holds its Job, in Kueue's own words. Pure.

Read on Kueue 0.17: QuotaReserved says why a Workload waits; Evicted why its place was taken back, and it may
be left from an earlier time unless QuotaReserved is False too.
"""

from __future__ import annotations

from collectiverun_operator.api.outcome import MESSAGE_LIMIT, Holdup
from collectiverun_operator.json_types import JSONObject

# Kueue's word for "not now" says nothing; all others name what is wrong.
_REASONS = {"Pending": "WaitingForQuota", "": "WaitingForQuota"}


def workload_holdup(workload: JSONObject) -> Holdup | None:
    """Why the Workload's Job is held, and what it was evicted for, if it was.

    None if Kueue has not looked at it yet, or has just admitted it.
    """
    conditions = {c["type"]: c for c in (workload.get("status") or {}).get("conditions") or []}
    eviction = _eviction(conditions)
    if workload.get("spec", {}).get("active") is False:
        text = str(conditions.get("Evicted", {}).get("message") or "the Workload was deactivated")
        name = workload["metadata"]["name"]
        return Holdup("Deactivated", f"{text}; set spec.active of Workload {name} to go on", eviction)
    reserved = conditions.get("QuotaReserved", {"status": "True"})
    if reserved.get("status") == "True":
        # Evicted comes first, and the quota is taken back a second later.
        text = str(conditions.get("Evicted", {}).get("message") or "")
        told = Holdup("WaitingForQuota", text[:MESSAGE_LIMIT], eviction, is_passing=True)
        return told if eviction else None
    reason = str(reserved.get("reason") or "")
    message = str(reserved.get("message") or "")[:MESSAGE_LIMIT]
    return Holdup(_REASONS.get(reason, reason), message, eviction)


def _eviction(conditions: dict[str, JSONObject]) -> str:
    evicted = conditions.get("Evicted", {})
    if evicted.get("status") != "True":
        return ""
    return str(evicted.get("reason") or "")
