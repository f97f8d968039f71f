"""Checks at the start that the resource definition exists and the operator may list what it watches."""

from __future__ import annotations

from collectiverun_operator.cluster.kubernetes.cluster import LISTED, KubernetesCluster, Watched
from collectiverun_operator.controller.settings import variable
from collectiverun_operator.errors import ClusterError, ClusterUnreachableError, CollectiveRunError

REFUSALS = (401, 403)
_HINT = "run `kubectl apply -f crds/collectiveruns.yaml`, or install the chart with crd.install=true"


class StartError(CollectiveRunError):
    """The operator can't start; the text says why and what to do."""


async def check_access(cluster: KubernetesCluster, namespaces: tuple[str, ...]) -> None:
    """Try to list everything that is watched, in all namespaces if none is given.

    Raises StartError at the first refusal, ClusterUnreachableError if no answer came.
    """
    for namespace in namespaces or ("",):
        for kind in LISTED:
            try:
                await cluster.look(kind, namespace)
            except ClusterUnreachableError:
                raise
            except ClusterError as error:
                raise StartError(_sentence(error, kind, namespace)) from error


def refused_watch(error: Exception) -> str | None:
    """A sentence if an error of kopf or the client says that a right or the definition is gone, else None."""
    status = getattr(error, "status", None)
    if status == 404:
        return f"the API server no longer knows what is watched; {_HINT}"
    if status not in REFUSALS:
        return None
    sentence = getattr(error, "message", None) or str(error)
    return f"the operator may no longer watch: {sentence}; install or upgrade the chart, which has the roles"


def _sentence(error: ClusterError, kind: Watched, namespace: str) -> str:
    if error.code == 404:
        text = f"the API server does not know {kind}s: the resource definition is not installed"
        return f"{text}; {_HINT}"
    if error.code in REFUSALS:
        where = f"namespace {namespace}" if namespace else "all namespaces"
        text = f"the operator may not list {kind}s in {where}: {error}"
        return f"{text}; install the chart's roles, or set {variable('namespaces')} to those it may serve"
    return f"{kind}s can't be listed: {error}"
