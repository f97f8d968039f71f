"""Experts of several seeds as one batch: each seed's part is what a run of that seed alone publishes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from phases.small_run import SmallRun, StopAfter

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.commits import earlier_result
from collectiverun_trainer.artifacts.parts import folder_of, part_of, parts_of
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import InputInvalid, Stopped
from collectiverun_trainer.order import PhaseResult, StorageOptions

SEEDS = (1, 7, 3)
STORAGE = Storage(StorageOptions())
SCRIPTED = {"experts": {"source": "scripted"}}


def opened(result: PhaseResult) -> Artifact:
    return Artifact.open(STORAGE, str(result.uri), result.manifest_sha256)


def contents(artifact: Artifact) -> dict[str, bytes]:
    return {name: artifact.read(name) for name in artifact.names}


def networks(artifact: Artifact) -> dict[str, bytes]:
    return {name: content for name, content in contents(artifact).items() if name.endswith(".safetensors")}


@pytest.fixture(scope="module")
def together() -> tuple[SmallRun, PhaseResult]:
    run = SmallRun(seeds=SEEDS, params={"experts": {"demonstrations": 2}})
    return run, run.do("experts")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_part_of_a_seed_has_the_bits_of_a_run_of_that_seed(
    together: tuple[SmallRun, PhaseResult], seed: int
) -> None:
    alone = opened(SmallRun(seed=seed, params={"experts": {"demonstrations": 2}}).do("experts"))
    part = part_of(STORAGE, opened(together[1]), seed)
    assert contents(part) == contents(alone)
    same = ("phase", "member", "tasks", "config", "envSteps", "success", "extra")
    assert {key: part.manifest[key] for key in same} == {key: alone.manifest[key] for key in same}


def test_seeds_differ(together: tuple[SmallRun, PhaseResult]) -> None:
    name = "reach-v3-sawyer/policy.safetensors"
    weights = {part.read(name) for part in parts_of(STORAGE, opened(together[1])).values()}
    assert len(weights) == len(SEEDS)


def test_the_whole_sums_up_its_parts(together: tuple[SmallRun, PhaseResult]) -> None:
    whole = opened(together[1])
    parts = parts_of(STORAGE, whole)
    assert tuple(parts) == SEEDS
    assert whole.manifest["envSteps"] == sum(part.manifest["envSteps"] for part in parts.values())
    shares = [part.manifest["cpuSeconds"] for part in parts.values()]
    assert 0 < sum(shares) <= whole.manifest["cpuSeconds"] + 0.01  # seconds are rounded
    assert {record["seed"] for record in whole.read_json_lines("metrics.jsonl")} == set(SEEDS)


def test_later_phases_of_a_seed_read_its_part(together: tuple[SmallRun, PhaseResult]) -> None:
    alone = SmallRun(seed=7, params={"experts": {"demonstrations": 2}})
    alone.do("experts")
    later = SmallRun(seed=7, artifacts=dict(together[0].artifacts))
    assert contents(opened(later.do("trajectoryTransformer"))) == contents(
        opened(alone.do("trajectoryTransformer"))
    )


def test_a_seed_that_is_not_there_is_told(together: tuple[SmallRun, PhaseResult]) -> None:
    later = SmallRun(seed=2, artifacts=dict(together[0].artifacts))
    with pytest.raises(InputInvalid, match=r"has seeds 1, 7, 3, and no seed 2\."):
        later.do("trajectoryTransformer")


def test_scripted_experts_of_seeds_differ_in_their_episodes() -> None:
    whole = opened(SmallRun(seeds=SEEDS, params=dict(SCRIPTED)).do("experts"))
    alone = opened(SmallRun(seed=3, params=dict(SCRIPTED)).do("experts"))
    assert contents(part_of(STORAGE, whole, 3)) == contents(alone)
    assert contents(part_of(STORAGE, whole, 1)) != contents(alone)


def test_interrupted_they_end_with_the_same_bits(together: tuple[SmallRun, PhaseResult]) -> None:
    run = SmallRun(seeds=SEEDS, params={"experts": {"demonstrations": 2}})
    with pytest.raises(Stopped):
        phases.load("experts")(run.context("experts", stop=StopAfter(3)))
    resumed = opened(run.do("experts"))
    for seed, part in parts_of(STORAGE, opened(together[1])).items():
        assert contents(part_of(STORAGE, resumed, seed)) == contents(part)


def test_a_damaged_part_is_no_earlier_result() -> None:
    run = SmallRun(seeds=SEEDS, params=dict(SCRIPTED))
    result = run.do("experts")
    context = run.context("experts")
    assert earlier_result(STORAGE, context.order, context.config) is not None
    STORAGE.write(f"{result.uri}/{folder_of(7)}/reach-v3-sawyer/policy.json", b"{}")
    assert earlier_result(STORAGE, context.order, context.config) is None


@pytest.mark.parametrize("seeds", [(7, 2), ()])
def test_experts_are_reused_seed_by_seed(
    together: tuple[SmallRun, PhaseResult], seeds: tuple[int, ...]
) -> None:
    """Where the earlier run has not the seed, its first stands in."""
    params = {"experts": {"demonstrations": 2}}
    run = SmallRun(seed=7, seeds=seeds, params=params, earlier={"experts": together[0].root})
    result = run.do("experts")
    assert result.env_steps == 0
    earlier = parts_of(STORAGE, opened(together[1]))
    assert networks(part_of(STORAGE, opened(result), 7)) == networks(earlier[7]) != networks(earlier[1])
    if seeds:
        assert networks(part_of(STORAGE, opened(result), 2)) == networks(earlier[1])
        assert "Seed 2: Experts reused from" in result.note


def test_a_missing_task_is_trained_for_every_seed(together: tuple[SmallRun, PhaseResult]) -> None:
    run = replace(together[0], root=f"{together[0].root}-more", artifacts={})
    run.tasks, run.earlier = (*run.tasks, Task(env="button-press-v3")), {"experts": together[0].root}
    result = run.do("experts")
    assert result.env_steps == len(SEEDS) * 120
