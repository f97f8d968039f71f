"""A Kubernetes control plane as processes of this machine: etcd, API server, controllers, scheduler.

Real, but without nodes (`testbed.kubelet` is one) and without DNS and service addresses.
Everything ends with the process that started it, unless it is to outlive it.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
from pathlib import Path

from testbed.kubernetes import server_flags
from testbed.kubernetes.certificates import Certificates
from testbed.kubernetes.kubeconfig import write_kubeconfig
from testbed.processes.daemon import Daemon, Service
from testbed.processes.http import http_get
from testbed.processes.ports import free_ports
from testbed.programs.binaries import control_plane_binaries
from testbed.waiting import eventually

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ADMIN = "admin"
CONTROLLER_MANAGER = "controller-manager"
SCHEDULER = "scheduler"
NODE = "node"
NOBODY = "nobody"
# Name in a file → (user, groups). Further identities: service accounts, or `kubectl --as`.
USERS = {
    ADMIN: ("admin", "system:masters"),
    CONTROLLER_MANAGER: ("controller-manager", "system:masters"),
    SCHEDULER: ("system:kube-scheduler", ""),
    NODE: ("node", "system:masters"),
    NOBODY: ("nobody", ""),
}
# The testbed's own parts would fill the audit log without telling anything about the operator.
_UNAUDITED = [USERS[name][0] for name in (SCHEDULER, NODE)] + ["system:apiserver"]


class ControlPlane(Service):
    """One control plane, with its files in `folder`. `kubeconfig` is that of an administrator."""

    def __init__(
        self, folder: Path, address: str = "127.0.0.1", outlive: bool = False, port: int | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.certificates = Certificates(self.folder / "pki")
        self.audit_log = self.folder / "audit.log"
        self.kubeconfig = self.kubeconfig_of(ADMIN)
        self._address = address
        self._outlive = outlive
        free, etcd, peer, controllers, scheduler = free_ports(5)
        self.url = f"https://{address}:{port or free}"
        self._etcd_url, self._peer_url = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
        self._tokens = {name: secrets.token_hex(16) for name in USERS}
        self.admin_token = self._tokens[ADMIN]
        binaries, pki = control_plane_binaries(), self.certificates
        etcd_flags = server_flags.etcd_flags(self.folder / "etcd", self._etcd_url, self._peer_url)
        self._etcd = self._daemon(binaries.etcd, etcd_flags)
        api_flags = server_flags.api_server_flags(self.folder, pki, self._etcd_url, self.url)
        self.api_server = self._daemon(binaries.servers / "kube-apiserver", api_flags)
        kubeconfig = self.kubeconfig_of(CONTROLLER_MANAGER)
        controller_flags = server_flags.controller_manager_flags(kubeconfig, pki, controllers)
        self._controllers = self._daemon(binaries.servers / "kube-controller-manager", controller_flags)
        scheduler_flags = server_flags.scheduler_flags(self.kubeconfig_of(SCHEDULER), scheduler)
        self._scheduler = self._daemon(binaries.servers / "kube-scheduler", scheduler_flags)

    def kubeconfig_of(self, user: str) -> Path:
        """Of one of USERS; `nobody` has no rights at all."""
        return self.folder / f"{user}.kubeconfig"

    def start(self) -> None:
        """Start everything and wait until the API server is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificates.make((self._address, "10.0.0.1"))
        self._write_files()
        self._etcd.start().wait_until(lambda: http_get(f"{self._etcd_url}/health")[0] == 200)
        self.start_api_server()
        self._scheduler.start()
        self._start_controllers()

    def kill(self) -> None:
        """Kill everything: nothing in it is worth saving."""
        for daemon in reversed(self._daemons):
            daemon.kill()

    def start_api_server(self) -> None:
        """Start the API server, also again at the same address, and wait until it is ready."""
        self.api_server.start().wait_until(self.is_ready)

    def is_ready(self) -> bool:
        """Whether the API server reports that it is, and serves every CRD it had before."""
        return self._read("/readyz") is not None and self._serves_definitions()

    def _serves_definitions(self) -> bool:
        """One that was started again does so a moment after it reports that it is ready."""
        definitions, served = self._read(_DEFINITIONS), self._read("/apis")
        if definitions is None or served is None:
            return False
        groups = {group["name"] for group in json.loads(served)["groups"]}
        specs = [definition["spec"] for definition in json.loads(definitions)["items"]]
        return all(
            spec["group"] in groups and self._read(f"/apis/{spec['group']}/{version['name']}") is not None
            for spec in specs
            for version in spec["versions"]
            if version["served"]
        )

    def _start_controllers(self) -> None:
        """Start them until their work shows: they end when the API server does not answer within 10 s.

        The account they make is in the namespace that the API server makes itself, a while after it is ready.
        """

        def has_made_an_account() -> bool:
            if not self._controllers.is_running:
                self._controllers.start()
            return self._read("/api/v1/namespaces/default/serviceaccounts/default") is not None

        eventually(
            has_made_an_account, lambda: f"the controllers' first work:\n{self._controllers.log[-3000:]}"
        )

    def _read(self, path: str) -> str | None:
        """What the API server answers; None if it refuses, or does not answer."""
        context = ssl.create_default_context(cafile=self.certificates.authority)
        code, text = http_get(f"{self.url}{path}", self.admin_token, context)
        return text if code == 200 else None

    def _write_files(self) -> None:
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        rows = [f'{self._tokens[name]},{user},{user},"{groups}"' for name, (user, groups) in USERS.items()]
        tokens.write_text("\n".join(rows) + "\n")
        (self.folder / "audit-policy.json").write_text(json.dumps(_audit_policy()))
        for name, token in self._tokens.items():
            write_kubeconfig(self.kubeconfig_of(name), self.url, self.certificates.authority, token)

    @property
    def _daemons(self) -> list[Daemon]:
        return [self._etcd, self.api_server, self._controllers, self._scheduler]

    def _daemon(self, program: Path, flags: list[str]) -> Daemon:
        # Memory is there, cores are not: garbage is collected a fourth as often as by default.
        environment = {**os.environ, "GOGC": "400"}
        return Daemon(program.name, [str(program), *flags], self.folder, environment, self._outlive)


def _audit_policy() -> dict[str, object]:
    controllers = USERS[CONTROLLER_MANAGER][0]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "users": _UNAUDITED},
            # Of the controllers what they make and remove: each Pod of a Job, each Job collected.
            {"level": "Metadata", "users": [controllers], "verbs": ["create", "delete"]},
            {"level": "None", "users": [controllers]},
            {"level": "Metadata"},
        ],
    }
