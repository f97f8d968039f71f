"""A Kubernetes control plane as processes of this machine: etcd, API server, controllers, scheduler.

Real, but without nodes (`testbed.kubelet` is one) and without DNS and service addresses.
Everything ends with the process that started it, unless it is told to outlive it.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed.kubernetes import server_flags
from testbed.kubernetes.certificates import Certificates
from testbed.kubernetes.kubeconfig import write_kubeconfig
from testbed.processes.daemon import Daemon, ProcessRecord
from testbed.processes.ports import free_ports
from testbed.programs.binaries import control_plane_binaries
from testbed.waiting import eventually

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_PATIENCE_SECONDS = 10.0
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
# The testbed's own parts would fill the audit log without saying anything about the operator.
_UNAUDITED = [USERS[name][0] for name in (SCHEDULER, NODE)] + ["system:apiserver"]


class ControlPlane:
    """One control plane, with its files in `folder`."""

    def __init__(
        self, folder: Path, address: str = "127.0.0.1", outlive: bool = False, port: int | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.certificates = Certificates(self.folder / "pki")
        self.audit_log = self.folder / "audit.log"
        self.address = address
        self._outlive = outlive
        self._wanted_port = port
        self._tokens = {name: secrets.token_hex(16) for name in USERS}
        self._daemons: list[Daemon] = []

    @property
    def url(self) -> str:
        """Where the API server answers."""
        return f"https://{self.address}:{self._port}"

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator who may do everything."""
        return self.kubeconfig_of(ADMIN)

    @property
    def admin_token(self) -> str:
        """The administrator's token."""
        return self._tokens[ADMIN]

    @property
    def records(self) -> list[ProcessRecord]:
        """What finds its processes again."""
        return [daemon.record for daemon in self._daemons if daemon.is_running]

    def kubeconfig_of(self, user: str) -> Path:
        """Of one of USERS; `nobody` has no rights at all."""
        return self.folder / f"{user}.kubeconfig"

    def start(self) -> None:
        """Start everything and wait until the API server is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._choose_ports()
        self.certificates.make((self.address, "10.0.0.1"))
        self._write_files()
        self._etcd, self._api_server, controllers, scheduler = self._daemons = self._make_daemons()
        self._etcd.start()
        self._etcd.wait_until(lambda: _answer(f"{self._etcd_url}/health") is not None)
        self.start_api_server()
        scheduler.start()
        self._start_controllers(controllers)

    def stop(self) -> None:
        """Kill everything: nothing in it is worth saving."""
        for daemon in reversed(self._daemons):
            daemon.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_api_server(self) -> None:
        """Start the API server, at the same address as ever, and wait until it is ready."""
        self._api_server.start()
        self._api_server.wait_until(self.is_ready)

    def kill_api_server(self) -> None:
        """End the API server as a loss of power would."""
        self._api_server.kill()

    def pause_api_server(self) -> None:
        """Let the API server hang: connections stay open, nothing answers."""
        self._api_server.pause()

    def resume_api_server(self) -> None:
        """Let it go on."""
        self._api_server.resume()

    def is_ready(self) -> bool:
        """Whether the API server says it is, and serves every definition it has been given before."""
        return self._read("/readyz") is not None and self._serves_definitions()

    def _serves_definitions(self) -> bool:
        """One that was started again does so, and says so, a moment after it is ready."""
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

    def _start_controllers(self, controllers: Daemon) -> None:
        """Start them until their work is seen: they end when the API server does not answer within 10 s.

        The account they make is in the namespace that the API server makes itself, a while after it is ready.
        """

        def work_is_seen() -> bool:
            if not controllers.is_running:
                controllers.start()
            return self._read("/api/v1/namespaces/default/serviceaccounts/default") is not None

        eventually(work_is_seen, lambda: f"the controllers' first work:\n{controllers.log[-3000:]}")

    def _read(self, path: str) -> bytes | None:
        """What the API server answers; None if it refuses, or does not answer."""
        context = ssl.create_default_context(cafile=self.certificates.authority)
        return _answer(f"{self.url}{path}", self.admin_token, context)

    def _choose_ports(self) -> None:
        free, etcd, peer, self._controllers_port, self._scheduler_port = free_ports(5)
        self._port = self._wanted_port or free
        self._etcd_url, self._peer_url = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"

    def _write_files(self) -> None:
        tokens = self.folder / "tokens.csv"
        tokens.touch(mode=0o600)
        rows = [f'{self._tokens[name]},{user},{user},"{groups}"' for name, (user, groups) in USERS.items()]
        tokens.write_text("\n".join(rows) + "\n")
        (self.folder / "audit-policy.json").write_text(json.dumps(_audit_policy()))
        for name, token in self._tokens.items():
            write_kubeconfig(self.kubeconfig_of(name), self.url, self.certificates.authority, token)

    def _make_daemons(self) -> list[Daemon]:
        binaries = control_plane_binaries()
        folder, certificates = self.folder, self.certificates
        etcd = server_flags.etcd_flags(folder / "etcd", self._etcd_url, self._peer_url)
        api_server = server_flags.api_server_flags(
            folder, certificates, self._etcd_url, self._port, self.address
        )
        controllers = server_flags.controller_manager_flags(
            self.kubeconfig_of(CONTROLLER_MANAGER), certificates, self._controllers_port
        )
        scheduler = server_flags.scheduler_flags(self.kubeconfig_of(SCHEDULER), self._scheduler_port)
        commands: list[tuple[Path, list[str]]] = [
            (binaries.etcd, etcd),
            (binaries.api_server, api_server),
            (binaries.controller_manager, controllers),
            (binaries.scheduler, scheduler),
        ]
        # Memory is there, cores are not: garbage is collected a fourth as often as by default.
        environment = {**os.environ, "GOGC": "400"}
        return [
            Daemon(program.name, [str(program), *flags], folder, environment, self._outlive)
            for program, flags in commands
        ]


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


def _answer(url: str, token: str = "", context: ssl.SSLContext | None = None) -> bytes | None:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, context=context, timeout=_PATIENCE_SECONDS) as answer:
            return bytes(answer.read())
    except (OSError, HTTPException):
        return None
