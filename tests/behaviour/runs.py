"""Run files of these tests: each test says only what matters to it."""

from __future__ import annotations

from typing import Any

from testbed.object_store import BUCKET, REGION, ObjectStore

from collectiverun_operator.cli.smoke import with_smoke_budgets

JSONObject = dict[str, Any]

TASKS = [{"env": "reach-v3"}, {"env": "door-close-v3"}]
SECRET = "s3"
# A node that is not heard of for some seconds, on a machine that is busy, is no reason to lose a Pod.
STAYING = [
    {"key": f"node.kubernetes.io/{condition}", "operator": "Exists", "effect": "NoExecute"}
    for condition in ("not-ready", "unreachable")
]


def s3_storage(store: ObjectStore, secret: str = SECRET, endpoint: str = "") -> JSONObject:
    """Storage in the cluster's S3 server, with the keys of a Secret; `endpoint`: another way to it."""
    return {
        "uri": f"s3://{BUCKET}/runs",
        "endpoint": endpoint or store.endpoint,
        "region": REGION,
        "credentials": {"secretRef": {"name": secret}},
    }


def a_run(name: str, storage: JSONObject, **spec: Any) -> JSONObject:
    """A run of one task on the CPU, whatever of the spec is given laid over it."""
    template = {"spec": {"tolerations": STAYING}}
    base = {"tasks": TASKS[:1], "storage": storage, "phases": {}, "podTemplate": template}
    return {
        "apiVersion": "collectiverl.io/v1alpha1",
        "kind": "CollectiveRun",
        "metadata": {"name": name},
        "spec": base | spec,
    }


def a_learning_run(name: str, storage: JSONObject, **spec: Any) -> JSONObject:
    """A run of the real trainer with budgets of seconds: two experts in one Job, then every phase once."""
    body = a_run(name, storage, **{"tasks": TASKS} | spec)
    body["spec"]["phases"] |= {"experts": {"tasksPerJob": 2}, "evaluation": {"params": {"videos": False}}}
    small = with_smoke_budgets(body)
    small["metadata"]["name"] = name
    return small


def a_scripted_run(name: str, storage: JSONObject, **spec: Any) -> JSONObject:
    """The same without reinforcement learning: its experts are there in a moment."""
    body = a_learning_run(name, storage, **spec)
    body["spec"]["phases"]["experts"]["params"] |= {"source": "scripted"}
    return body
