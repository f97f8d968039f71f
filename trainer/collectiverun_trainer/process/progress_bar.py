"""The progress bar on a terminal, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn


class TerminalBar:
    """One line: phase, activity, bar, env steps, speed, success rate, time left."""

    def __init__(self, phase: str) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}[/] {task.fields[activity]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[status]}"),
            console=Console(stderr=True),
            # Only where both are one terminal; otherwise stdout's lines would land on stderr.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._row = self._progress.add_task(phase, total=1.0, activity="", status="")

    def show(self, document: Mapping[str, Any]) -> None:
        """Draw a progress document, see `Reporter.progress`."""
        self._progress.start()
        self._progress.update(
            self._row,
            completed=document["fraction"],
            activity=document["activity"],
            status=_status(document),
        )

    def close(self) -> None:
        """Stop, leaving the last state on the screen."""
        self._progress.stop()


def _status(document: Mapping[str, Any]) -> str:
    parts = [f"{document['envSteps']:,} of {document['totalEnvSteps']:,} steps"]
    if document["envStepsPerSecond"]:
        parts.append(f"{document['envStepsPerSecond']:,.0f}/s")
    if document["success"]:
        parts.append(f"success {document['success']['anyStep']:.0%}")
    if document["etaSeconds"]:
        parts.append(f"{timedelta(seconds=round(document['etaSeconds']))} left")
    return " · ".join(parts)
