"""Kueue beside a control plane on this machine: it holds Jobs that have a queue's label until there is quota.

    with SmallCluster(folder) as cluster, Kueue(cluster.control_plane, folder / "kueue"):
        cluster.apply(*queues.shared("lab", jobs=3), queues.local("robots", "lab"))

The manager is a process, and gets from here what a cluster would give it: its Services are a name of this
machine, and the certificate that it makes for itself becomes files. So all files are in one folder, and
several managers can run on one machine.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from testbed import JSONObject
from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.control_plane import CONTROLLER_MANAGER, ControlPlane
from testbed.kueue import objects
from testbed.processes.daemon import Daemon
from testbed.processes.http import http_get
from testbed.processes.ports import free_ports
from testbed.programs.binaries import kueue_folder
from testbed.waiting import eventually

# The key first: the manager goes on once it sees the certificate.
_FILES = ("tls.key", "tls.crt")


class Kueue(Daemon):
    """One Kueue, with its files in `folder`. While it is killed, every new Job in the cluster is refused."""

    def __init__(self, control_plane: ControlPlane, folder: Path, outlive: bool = False) -> None:
        folder = folder.absolute()
        self._programs = kueue_folder()
        self._config, self._certificates = folder / "config.json", folder / "certificates"
        self._webhook_port, self._health_port, self._visibility_port = free_ports(3)
        self._commands = ClusterCommands(control_plane.kubeconfig, folder / "clients")
        # As one of the controllers: what those write many times over is not in the audit log.
        kubeconfig = control_plane.kubeconfig_of(CONTROLLER_MANAGER)
        command = [str(self._programs / "kueue"), f"--config={self._config}", f"--kubeconfig={kubeconfig}"]
        # Where it is at work it makes the folder `visibility` with the certificate of its other server.
        super().__init__("kueue", command, folder, outlive=outlive, working_folder=folder)

    def start(self) -> Kueue:
        """Install and start it; afterwards Jobs with a queue's label are held."""
        self._certificates.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._config.write_text(json.dumps(self._settings()))
        self._install_definitions()
        super().start()
        self._copy_certificate()
        self.wait_until(lambda: http_get(f"http://127.0.0.1:{self._health_port}/readyz")[0] == 200)
        # Only now: while nobody answers there, every new Job in the cluster is refused.
        authority = self._secret_data()["ca.crt"]
        self._commands.apply(*self._webhooks(authority))
        self.wait_until(self._holds_jobs)
        self._commands.apply(objects.visibility(self._visibility_port))
        self.wait_until(self._tells_positions)
        return self

    def uninstall(self) -> None:
        """End it, and let Jobs be made without it."""
        for known in (*self._webhooks(authority=""), objects.visibility(self._visibility_port)):
            self._commands.kubectl("delete", known["kind"], known["metadata"]["name"])
        self.kill()

    def _webhooks(self, authority: str) -> list[JSONObject]:
        return objects.webhooks(self._programs, self._webhook_port, authority)

    def _settings(self) -> dict[str, object]:
        webhook = {"host": "127.0.0.1", "port": self._webhook_port, "certDir": str(self._certificates)}
        return {
            "apiVersion": "config.kueue.x-k8s.io/v1beta2",
            "kind": "Configuration",
            "namespace": objects.NAMESPACE,
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health_port}"},
            "metrics": {"bindAddress": "0"},  # none
            "webhook": webhook,
            "leaderElection": {"leaderElect": False},
            "integrations": {"frameworks": ["batch/job"]},
            "visibilityServer": {"bindAddress": "127.0.0.1", "bindPort": self._visibility_port},
        }

    def _install_definitions(self) -> None:
        definitions = objects.definitions(self._programs, self._webhook_port)
        # By the server: a definition of more than a megabyte is too long for the client's annotation.
        self._commands.apply(*objects.prerequisites(), *definitions, server_side=True)
        names = {definition["spec"]["names"]["plural"] for definition in definitions}
        eventually(lambda: names <= self._served_names(), "Kueue's kinds are served")

    def _served_names(self) -> set[str]:
        try:
            served = self._commands.kubectl("get", "--raw", f"/apis/{objects.API}")
        except CommandError as error:
            if "NotFound" in error.stderr:
                return set()
            raise
        return {kind["name"] for kind in json.loads(served)["resources"]}

    def _tells_positions(self) -> bool:
        """Whether the API server hands on requests about what waits in a queue."""
        try:
            self._commands.kubectl("get", "--raw", f"/apis/{objects.VISIBILITY}")
        except CommandError:
            return False
        return True

    def _copy_certificate(self) -> None:
        """Give the manager the certificate that it made for itself in a Secret."""
        self.wait_until(lambda: bool(self._secret_data()))
        data = self._secret_data()
        for name in _FILES:
            (self._certificates / name).write_bytes(base64.b64decode(data[name]))

    def _secret_data(self) -> dict[str, str]:
        secret = self._commands.get("secret", objects.SECRET, "--namespace", objects.NAMESPACE)
        return dict(secret.get("data") or {})

    def _holds_jobs(self) -> bool:
        """Whether a dry run is held: the API server calls new webhooks only after a moment."""
        words = ("create", "--dry-run=server", "--filename", "-", "--output", "jsonpath={.spec.suspend}")
        try:
            return self._commands.kubectl(*words, stdin=json.dumps(objects.queued_job())) == "true"
        except CommandError as error:
            if "failed calling webhook" in error.stderr:
                return False
            raise
