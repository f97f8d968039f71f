"""Runs on a small cluster: their storage on its S3 server, and the run files of `examples/` with it."""

from __future__ import annotations

from pathlib import Path

import yaml

from testbed import ROOT, JSONObject
from testbed.cluster.small_cluster import SECRET, SmallCluster
from testbed.object_store import BUCKET, REGION, ObjectStore

QUICKSTART = ROOT / "examples" / "01-quickstart.yaml"


def example_run(cluster: SmallCluster, path: Path = QUICKSTART) -> JSONObject:
    """The run file's document. Its keys are those of the Secret `s3`."""
    body: JSONObject = yaml.safe_load(path.read_text())
    body["spec"]["storage"] = s3_storage(cluster.object_store)
    return body


def s3_storage(store: ObjectStore, secret: str = SECRET, endpoint: str = "") -> JSONObject:
    """A run's `spec.storage` on an S3 server, with the keys of a Secret; `endpoint`: another way to it."""
    return {
        "uri": f"s3://{BUCKET}/runs",
        "endpoint": endpoint or store.endpoint,
        "region": REGION,
        "credentials": {"secretRef": {"name": secret}},
    }
