"""Runs as the API server hands them out: with the schema's defaults."""

from __future__ import annotations

from typing import Any

from manifests.api_server_model import with_defaults
from support.run_bodies import JSONObject, run_body

from collectiverun_operator.api.run import Platform
from collectiverun_operator.manifests.crd import run_schema

SCHEMA = run_schema()
KUBERNETES = Platform(local=False, image="trainer:1")
# file:// needs a volume, which only the operator can see.
VOLUME = {
    "spec": {"containers": [{"name": "trainer", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}
}


def stored_run(**spec: Any) -> JSONObject:
    """A run with the metadata that the API server gives it."""
    return run_body(metadata={"namespace": "team", "uid": "0123", "generation": 1}, **spec)


def as_served(run: JSONObject) -> JSONObject:
    """The run with defaults."""
    served: JSONObject = with_defaults(SCHEMA, run)
    return served
