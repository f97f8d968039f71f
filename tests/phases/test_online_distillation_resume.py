"""Interrupted anywhere, online distillation publishes bit for bit what it would have published."""

from __future__ import annotations

from pathlib import Path

import pytest
from phases.interruptions import straight, with_a_kill, with_stops
from phases.small_run import SmallRun

PARAMS = {"envStepsPerTask": 120, "checkpointEveryEnvSteps": 40, "randomShare": 0.3, "collectiveShare": 0.4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    root = tmp_path_factory.mktemp("online-distillation").as_uri()
    run = SmallRun(params={"onlineDistillation": PARAMS}, root=root)
    for phase in ("experts", "trajectoryTransformer"):
        run.do(phase)
    return run


@pytest.fixture(scope="module")
def expected(run: SmallRun) -> dict[str, str]:
    return straight(run, "onlineDistillation")


@pytest.mark.parametrize("looks", [(1,), (5,), (3, 4), (2, 2, 2)], ids=str)
def test_stopped_and_continued(run: SmallRun, expected: dict[str, str], looks: tuple[int, ...]) -> None:
    assert with_stops(run, "onlineDistillation", looks) == expected


def test_killed_and_continued(run: SmallRun, expected: dict[str, str], tmp_path: Path) -> None:
    assert with_a_kill(run, "onlineDistillation", tmp_path) == expected
