"""The operator as a process, with the rights, the canary and the settings the chart would give it."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import yaml

from testbed.kubernetes.client_tools import ClusterCommands
from testbed.processes.daemon import Daemon
from testbed.processes.ports import free_ports

CHART = Path(__file__).parents[2] / "charts" / "collectiverun-operator"
COMMAND = (str(Path(sys.executable).with_name("collectiverun-operator")),)
RELEASE = "testbed"
_PATIENCE_SECONDS = 60.0
# All of the chart that an operator needs to run as a process; the Deployment's `env` is its settings.
_KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Lease")


class OperatorProcess:
    """One operator. `log` is all it has said."""

    def __init__(self, daemon: Daemon, health_port: int, metrics_port: int) -> None:
        self.daemon = daemon
        self._health_port = health_port
        self._metrics_port = metrics_port

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self.daemon.log

    @property
    def pid(self) -> int:
        """Its process."""
        return self.daemon.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.daemon.is_running

    def start(self, wait: bool = True) -> Self:
        """Start it, also again, and wait until it says that it is well."""
        self.daemon.start()
        if wait:
            self.daemon.wait_until(lambda: self.health()[0] == 200)
        return self

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.daemon.kill()

    def stop(self) -> int | None:
        """Ask it to end; its exit code."""
        return self.daemon.stop()

    def health(self) -> tuple[int, str]:
        """Code and text of /healthz; 0 and why if there is no answer."""
        return _get(f"http://127.0.0.1:{self._health_port}/healthz")

    def metrics(self) -> str:
        """What Prometheus would read."""
        code, text = _get(f"http://127.0.0.1:{self._metrics_port}/metrics")
        assert code == 200, text
        return text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def make_operator(
    folder: Path,
    kubeconfig: Path,
    chart: Sequence[Mapping[str, Any]],
    settings: Mapping[str, str],
    command: Sequence[str] = COMMAND,
) -> OperatorProcess:
    """An operator, not yet started, with the environment of the chart's Deployment; `settings` win."""
    health_port, metrics_port = free_ports(2)
    deployment = next(document for document in chart if document["kind"] == "Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    environment = {
        **_machine_environment(),
        **{variable["name"]: variable["value"] for variable in variables},
        "COLLECTIVERUN_HEALTH_PORT": str(health_port),
        "COLLECTIVERUN_METRICS_PORT": str(metrics_port),
        **settings,
        "KUBECONFIG": str(kubeconfig),
    }
    daemon = Daemon(f"operator-{uuid4().hex[:6]}", command, folder, environment)
    return OperatorProcess(daemon, health_port, metrics_port)


def render_chart(commands: ClusterCommands, namespace: str, *options: str) -> list[dict[str, Any]]:
    """The chart's objects for an operator in a namespace that serves just this namespace."""
    text = commands.helm(
        *("template", RELEASE, str(CHART), "--namespace", namespace),
        *("--set", f"watchNamespaces={{{namespace}}}", "--set", "crd.install=false"),
        *options,
    )
    return [document for document in yaml.safe_load_all(text) if document]


def rights(chart: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the chart's objects that are to be there before an operator starts."""
    return [document for document in chart if document["kind"] in _KINDS]


def service_account(chart: Sequence[Mapping[str, Any]]) -> str:
    """Name of the operator's service account."""
    return next(str(d["metadata"]["name"]) for d in chart if d["kind"] == "ServiceAccount")


def _machine_environment() -> dict[str, str]:
    """Nothing of the tests' own credentials and settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _get(url: str) -> tuple[int, str]:
    try:
        return _answer(url)
    except (OSError, HTTPException) as error:  # also where it ends in the middle of its answer
        return 0, str(error)


def _answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
