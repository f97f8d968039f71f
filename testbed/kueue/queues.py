"""Queues: one quota, and the names by which a namespace's runs ask for it."""

from __future__ import annotations

from typing import Any

from testbed import JSONObject
from testbed.kueue.objects import API


def shared(name: str, jobs: int, *, preempts: bool = False) -> list[JSONObject]:
    """A ClusterQueue for so many Jobs at a time, whatever they ask for, and the flavor of its quota.

    `preempts`: a Job of a higher priority takes the place of one that runs.
    What a Job asks for must be covered, or it waits for ever; of processors and memory there is plenty.
    """
    quotas = {"pods": str(jobs), "cpu": "64", "memory": "256Gi"}
    resources = [{"name": resource, "nominalQuota": quota} for resource, quota in quotas.items()]
    group = {"coveredResources": list(quotas), "flavors": [{"name": name, "resources": resources}]}
    spec: JSONObject = {"namespaceSelector": {}, "resourceGroups": [group]}
    if preempts:
        spec["preemption"] = {"withinClusterQueue": "LowerPriority"}
    return [_object("ResourceFlavor", name), _object("ClusterQueue", name, spec=spec)]


def local(name: str, shared_queue: str) -> JSONObject:
    """What a run's label names: the way from its namespace to a ClusterQueue."""
    return _object("LocalQueue", name, spec={"clusterQueue": shared_queue})


def priority(name: str, value: int) -> JSONObject:
    """Of those that wait, the one of the highest value goes first."""
    return _object("WorkloadPriorityClass", name, value=value)


def _object(kind: str, name: str, **fields: Any) -> JSONObject:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, **fields}
