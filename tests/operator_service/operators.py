"""Operators as the tests here need them: quick, with the rights and under the user a test chooses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.cluster.operator_process import COMMAND, OperatorProcess
from testbed.waiting import eventually

KOPF = (
    str(Path(sys.executable).with_name("kopf")),
    "run",
    "-m",
    "collectiverun_operator.controller.handlers",
)
CANARY = "canary"
# Quick enough for a test; the relations are those of the defaults.
PACE = {"CANARY_SECONDS": "0.5", "STALE_SECONDS": "10", "FIGURES_SECONDS": "1", "RESYNC_SECONDS": "3"}
IMAGE = "registry.example/trainer:1"


def make_operator(
    folder: Path,
    kubeconfig: Path,
    namespace: str,
    command: Sequence[str] = COMMAND,
    environment: Mapping[str, str] | None = None,
    **settings: str,
) -> OperatorProcess:
    """An operator, not yet started, that serves `namespace`, whose canary is there too; `settings` win."""
    given = PACE | {
        "IMAGE": IMAGE,
        "NAMESPACES": namespace,
        "LEASE_NAMESPACE": namespace,
        "LEASE_NAME": CANARY,
    }
    variables = {f"COLLECTIVERUN_{name}": value for name, value in (given | settings).items()}
    base = os.environ if environment is None else environment
    return OperatorProcess(folder, kubeconfig, variables, command, base)


def last_message(operator: OperatorProcess) -> str:
    """What it said last."""
    last = operator.log.splitlines()[-1]
    return str(json.loads(last)["message"]) if last.startswith("{") else last


def ended(operator: OperatorProcess) -> tuple[int | None, str]:
    """Exit code and last word of an operator that can't start."""
    operator.start(wait=False)
    eventually(lambda: not operator.is_running)
    assert "Traceback" not in operator.log
    return operator.returncode, last_message(operator)


def log_documents(operator: OperatorProcess) -> list[dict[str, Any]]:
    """Every line of its log; the last may not be whole yet."""
    whole, _, _ = operator.log.rpartition("\n")
    return [json.loads(line) for line in whole.split("\n") if line]


def samples(operator: OperatorProcess) -> dict[str, float]:
    """Every sample of its metrics by name and labels."""
    lines = operator.metrics().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in found}
