"""A cluster whose Pods do not really run; all else is real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.small_cluster import MIMICKED, SmallCluster

SECONDS_ANNOTATION = "testbed.collectiverl.io/seconds"


@contextmanager
def mimicking_cluster(folder: Path) -> Iterator[SmallCluster]:
    """A small cluster whose only node says that its Pods run, until something ends them.

    A Pod with SECONDS_ANNOTATION ends by itself, with the result its phase would report.
    """
    with SmallCluster(folder) as cluster:
        cluster.nodes.pop("node-1").kill()
        cluster.kubectl("delete", "node", "node-1")
        cluster.node("mimicking", kubelet=MIMICKED)
        yield cluster
