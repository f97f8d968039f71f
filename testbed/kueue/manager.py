"""Kueue beside a control plane on this machine: it holds Jobs that have a queue's label until there is quota.

    with SmallCluster(folder) as cluster, Kueue(cluster.control_plane, folder / "kueue"):
        cluster.apply(*queues.shared("lab", jobs=3), queues.local("robots", "lab"))

The manager is a process, and has from here what it would have of a cluster: its Service is a name of this
machine, and the certificate that it makes for itself becomes files. A certificate from elsewhere it would
read in `/etc/kueue` and `/visibility`, which no setting moves. So all of it lies in its folder, and several
on one machine do not meet. The server that tells places in a queue is off: it needs `/visibility` anyway.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.kubernetes.client_tools import ClusterCommands, CommandError
from testbed.kubernetes.control_plane import CONTROLLER_MANAGER, ControlPlane
from testbed.kueue import objects
from testbed.processes.daemon import Daemon, ProcessRecord
from testbed.processes.ports import free_ports
from testbed.programs.binaries import kueue_folder
from testbed.waiting import eventually

_PATIENCE_SECONDS = 10.0
# The key first: the manager goes on once it sees the certificate.
_FILES = ("tls.key", "tls.crt")


class Kueue:
    """One Kueue, with its files in `folder`. It ends with whoever started it, unless it may outlive that."""

    def __init__(self, control_plane: ControlPlane, folder: Path, outlive: bool = False) -> None:
        self.folder = folder.absolute()
        self._programs = kueue_folder()
        self._webhook_port, self._health_port = free_ports(2)
        self._commands = ClusterCommands(control_plane.kubeconfig, self.folder / "clients")
        # As one of the controllers: what those write many times over is not in the audit log.
        kubeconfig = control_plane.kubeconfig_of(CONTROLLER_MANAGER)
        command = [str(self._programs / "kueue"), f"--config={self._config}", f"--kubeconfig={kubeconfig}"]
        self._manager = Daemon("kueue", command, self.folder, outlive=outlive)

    @property
    def record(self) -> ProcessRecord:
        """What finds its process again."""
        return self._manager.record

    def start(self) -> None:
        """Install and start it; afterwards Jobs with a queue's label are held."""
        self._certificates.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._config.write_text(json.dumps(self._settings()))
        self._install_definitions()
        self.start_manager()
        # Only now: while nobody answers there, every new Job in the cluster is refused.
        authority = self._secret_data()["ca.crt"]
        self._apply(objects.webhooks(self._programs, self._webhook_port, authority))
        self._manager.wait_until(self._holds_jobs)

    def start_manager(self) -> None:
        """Start the manager, also again after `kill`, and wait until it is ready."""
        self._manager.start()
        self._manager.wait_until(lambda: bool(self._secret_data()))
        data = self._secret_data()
        for name in _FILES:
            (self._certificates / name).write_bytes(base64.b64decode(data[name]))
        self._manager.wait_until(self._is_ready)

    def kill(self) -> None:
        """End the manager as a loss of power would: until it is back every new Job is refused."""
        self._manager.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def _config(self) -> Path:
        return self.folder / "config.json"

    @property
    def _certificates(self) -> Path:
        return self.folder / "certificates"

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
            "featureGates": {"VisibilityOnDemand": False},
        }

    def _install_definitions(self) -> None:
        definitions = objects.definitions(self._programs, self._webhook_port)
        self._apply([*objects.home(), *definitions])
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

    def _apply(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """By the server: a definition of more than a megabyte is too long for the client's annotation."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        self._commands.kubectl("apply", "--server-side", "--filename", "-", stdin=text)

    def _secret_data(self) -> dict[str, str]:
        """The certificate that the manager made, and its authority; empty before."""
        words = ("--namespace", objects.NAMESPACE, "get", "secret", objects.SECRET)
        secret = json.loads(self._commands.kubectl(*words, "--output", "json"))
        return dict(secret.get("data") or {})

    def _is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self._health_port}/readyz"
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _holds_jobs(self) -> bool:
        """The API server knows the webhooks a moment after it was given them; so one Job is tried."""
        words = ("create", "--dry-run=server", "--filename", "-", "--output", "jsonpath={.spec.suspend}")
        try:
            return self._commands.kubectl(*words, stdin=json.dumps(objects.tried_job())) == "true"
        except CommandError as error:
            if "failed calling webhook" in error.stderr:
                return False
            raise
