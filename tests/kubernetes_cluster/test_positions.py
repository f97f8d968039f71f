"""Positions in queues on a cluster without Kueue: nothing is told, and it is seldom asked about."""

from __future__ import annotations

from collectiverun_operator.cluster.kubernetes.positions import REFUSED_SECONDS, QueuePositions


def test_a_cluster_that_tells_no_positions_is_asked_again_only_now_and_then(namespace, cluster):
    now = [100.0]
    positions = QueuePositions(cluster.awaitable._requests, clock=lambda: now[0])
    asked = len(cluster.requests)
    for _ in range(3):
        assert cluster.result_of(positions.of(namespace.name, "lab")) == {}
    now[0] += REFUSED_SECONDS
    assert cluster.result_of(positions.of(namespace.name, "lab")) == {}
    assert cluster.requests[asked:] == [("get", 404)] * 2
