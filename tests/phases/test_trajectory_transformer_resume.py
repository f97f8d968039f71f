"""Interrupted anywhere, the trajectory transformer publishes bit for bit what it would have published."""

from __future__ import annotations

from pathlib import Path

import pytest
from phases.encoder_orders import contents, encoder_order, run, scripted_experts
from phases.interruptions import kill_after_checkpoints, run_to_the_end
from phases.small_run import StopAfter

from collectiverun_trainer.errors import Stopped
from collectiverun_trainer.order import ArtifactReference, PhaseOrder


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
            run(order, StopAfter(looks=count))
        order = next_attempt(order)
    assert contents(order, run(order)) == expected


def test_killed_and_continued(root: Path, experts: ArtifactReference, expected: dict[str, str]) -> None:
    order = encoder_order(root, experts, name="killed")
    for _ in range(2):
        kill_after_checkpoints(order, root)
        order = next_attempt(order)
    assert contents(order, run_to_the_end(order, root)) == expected


def test_crossed_episodes_are_played_again_as_they_were(root: Path, experts: ArtifactReference) -> None:
    whole, stopped = (
        encoder_order(root, experts, name=name, crossedEpisodes=2) for name in ("crossed", "crossed-stopped")
    )
    with pytest.raises(Stopped, match="checkpoint"):
        run(stopped, StopAfter(looks=60))
    assert contents(stopped, run(next_attempt(stopped))) == contents(whole, run(whole))
