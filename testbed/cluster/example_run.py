"""A run file of `examples/`, with its storage on a small cluster's S3 server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from testbed import ROOT
from testbed.cluster.small_cluster import SECRET, SmallCluster
from testbed.object_store import BUCKET, REGION

QUICKSTART = ROOT / "examples" / "01-quickstart.yaml"


def example_run(cluster: SmallCluster, path: Path = QUICKSTART) -> dict[str, Any]:
    """The run file's document. Its keys are those of the Secret `s3`."""
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    body["spec"]["storage"] = {
        "uri": f"s3://{BUCKET}/runs",
        "endpoint": cluster.object_store.endpoint,
        "region": REGION,
        "credentials": {"secretRef": {"name": SECRET}},
    }
    return body
