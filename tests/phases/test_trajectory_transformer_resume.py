"""Interrupted anywhere, the trajectory transformer publishes bit for bit what it would have published."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from phases.encoder_orders import AfterLooks, contents, encoder_order, run, scripted_experts

from collectiverun_trainer.errors import Stopped
from collectiverun_trainer.order import ArtifactReference, PhaseOrder, PhaseResult


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoder-resume")


@pytest.fixture(scope="module")
def experts(root: Path) -> ArtifactReference:
    return scripted_experts(root)


@pytest.fixture(scope="module")
def expected(root: Path, experts: ArtifactReference) -> dict[str, str]:
    """Digests of what an uninterrupted attempt publishes."""
    order = encoder_order(root, experts, name="uninterrupted")
    return contents(order, run(order))


def next_attempt(order: PhaseOrder) -> PhaseOrder:
    return order.model_copy(update={"attempt": order.attempt + 1})


@pytest.mark.parametrize("looks", [(1,), (38, 2, 1), (80, 67), (174,)], ids=str)
def test_stopped_and_continued(
    root: Path, experts: ArtifactReference, expected: dict[str, str], looks: tuple[int, ...]
) -> None:
    order = encoder_order(root, experts, name="stopped-at-" + "-".join(map(str, looks)))
    for count in looks:
        with pytest.raises(Stopped, match="checkpoint"):
            run(order, AfterLooks(count))
        order = next_attempt(order)
    assert contents(order, run(order)) == expected


def test_killed_and_continued(root: Path, experts: ArtifactReference, expected: dict[str, str]) -> None:
    order = encoder_order(root, experts, name="killed")
    checkpoints = root / "trajectoryTransformer" / "killed" / "checkpoints"
    for awaited in ("attempt-1-step-25", "attempt-2-step-50"):
        with command(root, order) as process:
            wait_for(checkpoints / awaited / "_SUCCESS", process)
            process.send_signal(signal.SIGKILL)
        order = next_attempt(order)
    with command(root, order) as process:
        assert process.wait() == 0
    result = PhaseResult.model_validate_json((root / "result.json").read_text())
    assert contents(order, result) == expected


def command(root: Path, order: PhaseOrder) -> subprocess.Popen[bytes]:
    """The phase as a process of its own, as a Job runs it."""
    file = root / "order.json"
    file.write_text(order.model_dump_json(by_alias=True))
    return subprocess.Popen(
        [sys.executable, "-m", "collectiverun_trainer", order.phase, "--order", str(file)],
        env=os.environ | {"COLLECTIVERUN_RESULT_PATH": str(root / "result.json"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert process.poll() is None, f"the phase ended before {path}"
        time.sleep(0.005)
