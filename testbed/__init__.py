"""A Kubernetes cluster and an S3 server on this machine, for tests and for people: `python -m testbed`.

From the bottom:

programs     kube-apiserver and its like, built by Go or fetched into the user's cache
processes    servers as processes of this machine
kubernetes   the control plane, its credentials, and clients of it
kubelet      a node whose Pods are processes, or are only simulated
kueue        Kueue beside a control plane
cluster      all of it together, for a test session (`small_cluster`) or to stay (`standing_cluster`)
"""

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
"""The repository's folder."""

JSONObject = dict[str, Any]
