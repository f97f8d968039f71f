"""Runs as the API server hands them out: with the schema's defaults."""

from __future__ import annotations

from typing import Any

from manifests.api_server_model import with_defaults

from collectiverun_operator.api.run import API_VERSION, KIND, Platform
from collectiverun_operator.manifests.crd import run_schema

JSONObject = dict[str, Any]

SCHEMA = run_schema()
KUBERNETES = Platform(local=False, image="trainer:1")
SECRET = {"secretRef": {"name": "s3"}}
# file:// needs a volume, which only the operator can see.
VOLUME = {
    "spec": {"containers": [{"name": "trainer", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}
}


def a_run(**spec: Any) -> JSONObject:
    """A run of one task with storage in a bucket, and whatever of the spec is given."""
    base = {"tasks": [{"env": "reach-v3"}], "storage": {"uri": "s3://bucket", "credentials": SECRET}}
    metadata = {"name": "demo", "namespace": "team", "uid": "0123", "generation": 1}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": base | spec}


def as_served(run: JSONObject) -> JSONObject:
    """The run with defaults."""
    served: JSONObject = with_defaults(SCHEMA, run)
    return served
