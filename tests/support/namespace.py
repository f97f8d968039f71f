"""A namespace of a real API server, and what people, nodes and tests do in it."""

from __future__ import annotations

import json
from typing import Self
from uuid import uuid4

from support import api_requests
from support.live_run import LiveRun
from testbed import JSONObject
from testbed.cluster.small_cluster import SmallCluster
from testbed.kubernetes.audit_log import Request, read_audit
from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.control_plane import ControlPlane

from collectiverun_operator.api.run import API_VERSION

_PREFIXES = {
    "collectiveruns": f"/apis/{API_VERSION}",
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
}


class Namespace:
    """One namespace. Its own methods send requests as an administrator; `kubectl` and `helm` are those tools.

    What kubectl and helm refuse is a CommandError with what they say, what a request may not, an HTTPError.
    """

    def __init__(self, control_plane: ControlPlane, name: str) -> None:
        self.control_plane = control_plane
        self.name = name
        self.commands = ClusterCommands(control_plane.kubeconfig, control_plane.folder, name)

    @classmethod
    def create(cls, control_plane: ControlPlane, prefix: str) -> Self:
        """A fresh one."""
        name = f"{prefix}-{uuid4().hex[:8]}"
        api_requests.send(control_plane, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return cls(control_plane, name)

    @classmethod
    def create_in(cls, cluster: SmallCluster, prefix: str) -> Self:
        """A fresh one in which Pods find the keys of the S3 server."""
        return cls(cluster.control_plane, cluster.namespace(prefix))

    def remove(self) -> None:
        """Delete it, and wait for nothing."""
        api_requests.send(self.control_plane, "DELETE", f"/api/v1/namespaces/{self.name}")

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl prints."""
        return self.commands.kubectl(*words, stdin=stdin)

    def helm(self, *words: str) -> str:
        """What helm prints."""
        return self.commands.helm(*words, "--namespace", self.name)

    def succeeds(self, *words: str) -> bool:
        """Whether kubectl does this."""
        try:
            self.kubectl(*words)
        except CommandError:
            return False
        return True

    def names(self, *words: str) -> set[str]:
        """What `kubectl get` finds, as kind/name."""
        return set(self.kubectl("get", *words, "--output", "name").split())

    def apply(self, document: JSONObject, *options: str) -> str:
        """`kubectl apply` of an object; what it prints."""
        return self.kubectl("apply", "--filename", "-", *options, stdin=json.dumps(document))

    def apply_run(self, body: JSONObject) -> LiveRun:
        """`kubectl apply` of a run."""
        self.apply(body)
        return LiveRun(self, body["metadata"]["name"])

    def create_object(self, kind: str, body: JSONObject) -> JSONObject:
        """Create an object; it as the API server has it."""
        return api_requests.send(self.control_plane, "POST", self.path(kind), body)

    def get(self, kind: str, name: str) -> JSONObject:
        """An object."""
        return api_requests.send(self.control_plane, "GET", self.path(kind, name))

    def find(self, kind: str, name: str) -> JSONObject | None:
        """An object, None if it is not there."""
        return api_requests.send_if_there(self.control_plane, "GET", self.path(kind, name))

    def list(self, kind: str, **labels: object) -> list[JSONObject]:
        """Objects by labels of ours, such as `run="demo"`."""
        selector = ",".join(f"collectiverl.io/{key}={value}" for key, value in labels.items())
        path = f"{self.path(kind)}?labelSelector={selector}"
        return list(api_requests.send(self.control_plane, "GET", path)["items"])

    def patch(self, kind: str, name: str, patch: JSONObject, subresource: str = "") -> JSONObject | None:
        """Merge a patch into an object; None if it is gone."""
        path = self.path(kind, name, subresource)
        return api_requests.send_if_there(self.control_plane, "PATCH", path, patch)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, at once; its dependents follow."""
        body = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
        api_requests.send(self.control_plane, "DELETE", self.path(kind, name), body)

    def write_status(self, kind: str, name: str, status: JSONObject) -> None:
        """Lay a status over an object's, as its controller or a kubelet does."""
        self.patch(kind, name, {"status": status}, "status")

    def path(self, kind: str, *parts: str) -> str:
        """Where objects of a kind, one of them or a part of it lie."""
        prefix = _PREFIXES.get(kind, "/api/v1")
        return "/".join([f"{prefix}/namespaces/{self.name}/{kind}", *filter(None, parts)])

    def requests(self) -> list[Request]:
        """All that was asked of the API server here, by its audit log."""
        return list(read_audit(self.control_plane.audit_log, self.name))
