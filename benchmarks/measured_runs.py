"""Runs that benchmarks make: of a run file, in storage and cache of their own below a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import yaml


def completed(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The JSON document of a run of this run file; a finished one is only read again."""
    run = _started(body, folder, {})
    document = _document(run)
    print(f"{folder}: exit code {run.returncode}", file=sys.stderr)
    return document


def experts_trained(body: dict[str, Any], folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """The root of a run that is stopped once its experts are published.

    Its processes get `variables` beside those of this process's environment.
    """
    run = _started(body, folder, variables or {}, stderr=subprocess.PIPE)
    assert run.stderr
    for line in run.stderr:
        print(line, end="", file=sys.stderr)
        if "experts: Succeeded" in line:
            run.send_signal(signal.SIGTERM)  # a script's children in the background are told to ignore SIGINT
            break
    return str(_document(run)["root"])


def _started(
    body: dict[str, Any], folder: Path, variables: Mapping[str, str], stderr: int | None = None
) -> subprocess.Popen[str]:
    spec = body["spec"] | {"storage": {"uri": f"file://{folder.absolute()}/storage"}}
    run = subprocess.Popen(
        [str(Path(sys.executable).parent / "collectiverun"), "run", "-f", "-", "--json"],
        env={**os.environ, **variables, "COLLECTIVERUN_CACHE": str(folder / "cache")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with _pipe(run.stdin) as file:
        file.write(yaml.safe_dump(body | {"spec": spec}))
    return run


def _document(run: subprocess.Popen[str]) -> dict[str, Any]:
    with _pipe(run.stdout) as file:
        text = file.read()
    if run.wait() and not text:
        sys.exit(run.returncode)
    document: dict[str, Any] = json.loads(text)
    return document


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe
    return pipe
