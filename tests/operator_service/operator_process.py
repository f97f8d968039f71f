"""The operator as its own process against an API server, as the chart would start it."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cluster.daemon import Daemon
from cluster.ports import free_ports

COMMAND = (str(Path(sys.executable).with_name("collectiverun-operator")),)
KOPF = (str(Path(sys.executable).with_name("kopf")), "run", "-m", "collectiverun_operator.handlers")
CANARY = "canary"
# Quick enough for a test; the relations are those of the defaults.
PACE = {"CANARY_SECONDS": "0.5", "STALE_SECONDS": "10", "FIGURES_SECONDS": "1", "RESYNC_SECONDS": "3"}
IMAGE = "registry.example/trainer:1"


class OperatorProcess:
    """One operator that serves `namespace`, whose canary is there too."""

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        namespace: str,
        command: Sequence[str] = COMMAND,
        environment: Mapping[str, str] | None = None,
        **settings: str,
    ) -> None:
        self._health_port, self._metrics_port = free_ports(2)
        given = PACE | {
            "IMAGE": IMAGE,
            "NAMESPACES": namespace,
            "LEASE_NAMESPACE": namespace,
            "LEASE_NAME": CANARY,
            "HEALTH_PORT": str(self._health_port),
            "METRICS_PORT": str(self._metrics_port),
        }
        variables = {f"COLLECTIVERUN_{name}": value for name, value in (given | settings).items()}
        base = os.environ if environment is None else environment
        folder.mkdir(parents=True, exist_ok=True)
        self.process = Daemon(
            f"operator-{self._health_port}",
            command,
            folder,
            {**base, "KUBECONFIG": str(kubeconfig), **variables},
        )

    @property
    def log(self) -> str:
        """All it has said so far."""
        return self.process.log

    def start(self) -> Self:
        """Start it and wait until it says that it is well."""
        self.process.start()
        self.process.wait_until(lambda: self.health()[0] == 200)
        return self

    def stop(self) -> int | None:
        """Ask it to end; its exit code."""
        return self.process.stop()

    def health(self) -> tuple[int, str]:
        """What /healthz says; 0 if nothing."""
        return _get(f"http://127.0.0.1:{self._health_port}/healthz")

    def metrics(self) -> dict[str, float]:
        """Every sample by its name and labels."""
        code, text = _get(f"http://127.0.0.1:{self._metrics_port}/metrics")
        assert code == 200
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
