"""Bodies of CollectiveRuns, for every suite: each test says only what matters to it."""

from __future__ import annotations

import copy
from typing import Any

from testbed import JSONObject

from collectiverun_operator.api.run import API_VERSION, KIND
from collectiverun_operator.cli.smoke import with_smoke_budgets

CREDENTIALS = {"secretRef": {"name": "s3"}}
REMOVED = object()
# A node that is not heard of for some seconds, on a machine that is busy, is no reason to lose a Pod.
NODE_LOSS_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{condition}", "operator": "Exists", "effect": "NoExecute"}
    for condition in ("not-ready", "unreachable")
]


def tasks(*names: str) -> list[dict[str, str]]:
    """Tasks by the start of their names: `tasks("reach", "push")`."""
    return [{"env": f"{name}-v3"} for name in names]


def run_body(name: str = "demo", *, metadata: JSONObject | None = None, **spec: Any) -> JSONObject:
    """A run of one task with storage in a bucket; what is given of `spec` replaces fields or adds some."""
    base = {"tasks": tasks("reach"), "storage": {"uri": "s3://bucket/runs", "credentials": CREDENTIALS}}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name} | (metadata or {}),
        "spec": base | spec,
    }


def learning_run_body(name: str, storage: JSONObject, **spec: Any) -> JSONObject:
    """A run of the real trainer with budgets of seconds: two experts in one Job, then every phase once."""
    base = {
        "tasks": tasks("reach", "door-close"),
        "storage": storage,
        "phases": {"experts": {"tasksPerJob": 2}, "evaluation": {"params": {"videos": False}}},
        "podTemplate": {"spec": {"tolerations": NODE_LOSS_TOLERATIONS}},
    }
    body = with_smoke_budgets(run_body(name, **base | spec))
    body["metadata"]["name"] = name
    return body


def scripted_run_body(name: str, storage: JSONObject, **spec: Any) -> JSONObject:
    """The same without reinforcement learning: its experts are there in a moment."""
    body = learning_run_body(name, storage, **spec)
    body["spec"]["phases"]["experts"]["params"] |= {"source": "scripted"}
    return body


def with_field(body: JSONObject, path: str, value: Any) -> JSONObject:
    """A copy with the field at a path such as `spec.tasks.0.env` set, or REMOVED."""
    changed = copy.deepcopy(body)
    *parents, last = path.split(".")
    holder: Any = changed
    for key in parents:
        holder = holder[int(key)] if isinstance(holder, list) else holder.setdefault(key, {})
    if value is REMOVED:
        del holder[last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    return changed
