"""Operators as the tests here need them: quick, with the rights and under the user a test chooses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support.namespace import Namespace
from testbed.cluster.operator_process import COMMAND, OperatorProcess
from testbed.kubernetes.audit_log import Request
from testbed.waiting import eventually

CANARY = "canary"
LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": CANARY}}
# Quick enough for a test; the relations are those of the defaults.
_PACE = {"CANARY_SECONDS": "0.5", "STALE_SECONDS": "10", "FIGURES_SECONDS": "1", "RESYNC_SECONDS": "3"}


def kopf_command(namespace: Namespace) -> tuple[str, ...]:
    """The operator's handlers under kopf's own command."""
    program = str(Path(sys.executable).with_name("kopf"))
    module = "collectiverun_operator.controller.handlers"
    return (program, "run", "-m", module, "--namespace", namespace.name)


def new_operator(
    namespace: Namespace,
    command: Sequence[str] = COMMAND,
    environment: Mapping[str, str] = os.environ,
    kubeconfig: Path | None = None,
    **settings: str,
) -> OperatorProcess:
    """An operator, not yet started, that serves a namespace, whose canary is there too; `settings` win."""
    given = _PACE | {
        "IMAGE": "registry.example/trainer:1",
        "NAMESPACES": namespace.name,
        "LEASE_NAMESPACE": namespace.name,
        "LEASE_NAME": CANARY,
    }
    variables = {f"COLLECTIVERUN_{name}": value for name, value in (given | settings).items()}
    control_plane = namespace.control_plane
    kubeconfig = kubeconfig or control_plane.kubeconfig
    return OperatorProcess(control_plane.folder, kubeconfig, variables, command, environment)


def end_of(operator: OperatorProcess) -> tuple[int | None, str]:
    """Exit code and last word of an operator that can't start."""
    operator.start(wait=False)
    eventually(lambda: not operator.is_running)
    assert "Traceback" not in operator.log
    last = operator.log.splitlines()[-1]
    return operator.returncode, str(json.loads(last)["message"]) if last.startswith("{") else last


def log_documents(operator: OperatorProcess) -> list[dict[str, Any]]:
    """Every line of its log; the last may not be whole yet."""
    whole, _, _ = operator.log.rpartition("\n")
    return [json.loads(line) for line in whole.split("\n") if line]


def samples(operator: OperatorProcess) -> dict[str, float]:
    """Every sample of its metrics by name and labels."""
    lines = operator.metrics().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in found}


def requests_of(agent: str, namespace: Namespace, since: float = 0.0) -> list[Request]:
    """What a client asked for in the namespace after a moment, by the audit log.

    A request is written down once it was answered, which may be after what it did was seen: places in the
    log tell nothing about order.
    """
    requests = namespace.requests()
    return [one for one in requests if one.agent.startswith(agent) and one.received > since]
