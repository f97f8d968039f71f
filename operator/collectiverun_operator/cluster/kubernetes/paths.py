"""URL paths of the Kubernetes API."""

from __future__ import annotations

from collectiverun_operator.api.run import API_VERSION

PLURAL = "collectiveruns"


def jobs(namespace: str = "") -> str:
    """The Jobs of a namespace, or all."""
    return f"/apis/batch/v1{_scope(namespace)}/jobs"


def job(namespace: str, name: str) -> str:
    """One Job."""
    return f"{jobs(namespace)}/{name}"


def pods(namespace: str = "") -> str:
    """The Pods of a namespace, or all."""
    return f"/api/v1{_scope(namespace)}/pods"


def pod(namespace: str, name: str) -> str:
    """One Pod."""
    return f"{pods(namespace)}/{name}"


def pod_log(namespace: str, name: str) -> str:
    """The log of a Pod."""
    return f"{pod(namespace, name)}/log"


def events(namespace: str) -> str:
    """The Events of a namespace."""
    return f"/api/v1/namespaces/{namespace}/events"


def workloads(namespace: str) -> str:
    """Kueue's Workloads of a namespace."""
    return f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{namespace}/workloads"


def pending_workloads(namespace: str, queue: str) -> str:
    """What waits in one of Kueue's LocalQueues, in its order, where Kueue serves that."""
    return (
        f"/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/{namespace}/localqueues/{queue}/pendingworkloads"
    )


def lease(namespace: str, name: str) -> str:
    """One Lease."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"


def runs(namespace: str = "") -> str:
    """The runs of a namespace, or all."""
    return f"/apis/{API_VERSION}{_scope(namespace)}/{PLURAL}"


def run(namespace: str, name: str) -> str:
    """One run."""
    return f"{runs(namespace)}/{name}"


def run_status(namespace: str, name: str) -> str:
    """The status of one run."""
    return f"{run(namespace, name)}/status"


def _scope(namespace: str) -> str:
    return f"/namespaces/{namespace}" if namespace else ""
