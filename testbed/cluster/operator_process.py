"""The operator as a process, with the rights, the canary and the settings the chart would give it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

import yaml

from testbed import ROOT, JSONObject
from testbed.kubernetes.client_tools import ClusterCommands
from testbed.processes.daemon import Daemon
from testbed.processes.http import http_get
from testbed.processes.ports import free_ports

CHART = ROOT / "charts" / "collectiverun-operator"
COMMAND = (str(Path(sys.executable).with_name("collectiverun-operator")),)
_RELEASE = "testbed"
_HEALTH_PORT, _METRICS_PORT = "COLLECTIVERUN_HEALTH_PORT", "COLLECTIVERUN_METRICS_PORT"
_TIMEOUT_SECONDS = 60.0
# All of the chart that an operator needs to run as a process; the Deployment's `env` is its settings.
_KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Lease")
# Nothing of the tests' own credentials and settings.
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


class OperatorProcess(Daemon):
    """One operator with these environment variables; its two ports are free ones unless they name others."""

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        variables: Mapping[str, str],
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._health_port, self._metrics_port = free_ports(2)
        if environment is None:
            environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        ports = {_HEALTH_PORT: str(self._health_port), _METRICS_PORT: str(self._metrics_port)}
        everything = {**environment, **ports, **variables, "KUBECONFIG": str(kubeconfig)}
        super().__init__(f"operator-{uuid4().hex[:6]}", command, folder, everything)

    def __enter__(self) -> Self:
        return self

    def start(self, wait: bool = True) -> Self:
        """Start it, also again; with `wait` until it reports that it is healthy."""
        super().start()
        if wait:
            self.wait_until(lambda: self.health()[0] == 200)
        return self

    def health(self) -> tuple[int, str]:
        """Code and text of /healthz; 0 and the reason if there is no answer."""
        return http_get(f"http://127.0.0.1:{self._health_port}/healthz", seconds=_TIMEOUT_SECONDS)

    def metrics(self) -> str:
        """What Prometheus would read."""
        code, text = http_get(f"http://127.0.0.1:{self._metrics_port}/metrics", seconds=_TIMEOUT_SECONDS)
        assert code == 200, text
        return text


def render_chart(commands: ClusterCommands, namespace: str, *options: str) -> list[JSONObject]:
    """The chart's objects for an operator in a namespace that serves just this namespace."""
    text = commands.helm(
        *("template", _RELEASE, str(CHART), "--namespace", namespace),
        *("--set", f"watchNamespaces={{{namespace}}}", "--set", "crd.install=false"),
        *options,
    )
    return [document for document in yaml.safe_load_all(text) if document]


def prerequisites(chart: Sequence[JSONObject]) -> list[JSONObject]:
    """Those of the chart's objects that have to exist before an operator starts."""
    return [document for document in chart if document["kind"] in _KINDS]


def service_account(chart: Sequence[JSONObject]) -> str:
    """Name of the operator's service account."""
    return next(str(d["metadata"]["name"]) for d in chart if d["kind"] == "ServiceAccount")


def chart_variables(chart: Sequence[JSONObject]) -> dict[str, str]:
    """The operator's environment variables in the chart's Deployment, but for its ports."""
    deployment = next(document for document in chart if document["kind"] == "Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return {v["name"]: v["value"] for v in variables if v["name"] not in (_HEALTH_PORT, _METRICS_PORT)}
