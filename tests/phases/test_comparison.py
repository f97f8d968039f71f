"""A run of several seeds: every seed does what it would do alone, and one page sets them side by side."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
from phases.small_run import SmallRun

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.comparison.reading import read_runs
from collectiverun_trainer.config import Phase
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.order import PhaseResult, StorageOptions

SEEDS = (5, 2)
STORAGE = Storage(StorageOptions())
OF_A_SEED: tuple[Phase, ...] = (
    "trajectoryTransformer",
    "onlineDistillation",
    "refinement",
    "students",
    "evaluation",
)


def of_seeds(seeds: tuple[int, ...], *phases: Phase) -> SmallRun:
    """A run of several seeds, each of which has done these phases after the experts."""
    run = SmallRun(seeds=seeds)
    run.do("experts")
    experts = dict(run.artifacts)
    for seed in seeds:
        own = replace(run, seed=seed, member=f"seed-{seed}", artifacts=dict(experts))
        for phase in phases:
            own.do(phase)
            run.artifacts[phase] = (*run.artifacts.get(phase, ()), *own.artifacts[phase])
    return run


@pytest.fixture(scope="module")
def whole() -> tuple[SmallRun, PhaseResult]:
    run = of_seeds(SEEDS, *OF_A_SEED)
    return run, run.do("comparison")


@pytest.fixture(scope="module")
def alone() -> SmallRun:
    run = SmallRun(seed=2)
    for phase in ("experts", *OF_A_SEED):
        run.do(phase)
    return run


def document(result: PhaseResult) -> dict[str, Any]:
    read: dict[str, Any] = Artifact.open(STORAGE, str(result.uri)).read_json("comparison.json")
    return read


def test_a_seed_does_what_it_would_do_alone(whole: tuple[SmallRun, PhaseResult], alone: SmallRun) -> None:
    ours, theirs = open_run(whole[0].root, seed=2), open_run(alone.root)
    assert ours.phases == (*theirs.phases, "comparison")
    for phase in theirs.phases:
        (one,), (other,) = ours.artifacts(phase), theirs.artifacts(phase)
        assert one.names == other.names
        changing = {"summary.json", "report.html"}  # costs, addresses
        names = [n for n in one.names if n not in changing and not n.startswith("tensorboard/")]
        assert {n: one.read(n) for n in names} == {n: other.read(n) for n in names}
    assert ours.summary()["tasks"] == theirs.summary()["tasks"]


def test_the_comparison_is_over_the_seeds(whole: tuple[SmallRun, PhaseResult]) -> None:
    run, result = whole
    found = document(result)
    (configuration,) = found["configurations"]
    assert [(one["label"], one["seed"]) for one in configuration["runs"]] == [("seed 5", 5), ("seed 2", 2)]
    of_seeds = [open_run(run.root, seed=seed).summary()["success"]["collective"] for seed in SEEDS]
    overall = [(one["network"], one["notion"], one["mean"]["value"], one["runs"]) for one in found["overall"]]
    assert ("collective", "any_step", pytest.approx(fmean(one["anyStep"] for one in of_seeds)), 2) in overall
    assert result.success is not None
    assert result.success.at_end == pytest.approx(fmean(one["atEnd"] for one in of_seeds))
    assert {"experts", "collective", "students", "controls"} <= {curve["series"] for curve in found["curves"]}
    page = Artifact.open(STORAGE, str(result.uri)).read("report.html").decode()
    assert "<b>default/small</b>, 2 seeds side by side" in page


def test_the_page_links_the_reports_of_the_seeds(whole: tuple[SmallRun, PhaseResult]) -> None:
    page = Artifact.open(STORAGE, str(whole[1].uri)).read("report.html").decode()
    for seed in SEEDS:
        assert f'href="../../../../evaluation/seed-{seed}/attempt-1/' in page


def test_a_run_of_seeds_opens_as_its_first_or_the_one_that_is_named(
    whole: tuple[SmallRun, PhaseResult],
) -> None:
    run = open_run(whole[0].root)
    assert (run.seeds, run.seed) == (SEEDS, 5)
    assert run.of_seed(2).collective().uri != run.collective().uri
    with pytest.raises(InputInvalid, match=r"has no seed 3; it has 5, 2"):
        open_run(whole[0].root, seed=3)


def test_compare_takes_each_seed_as_a_run(whole: tuple[SmallRun, PhaseResult], alone: SmallRun) -> None:
    read = read_runs([open_run(whole[0].root), open_run(alone.root)])
    assert [run.summary.seed for run in read] == [5, 2, 2]
    assert [label.rsplit(", ", 1)[-1] for label in (run.label for run in read[:2])] == ["seed 5", "seed 2"]


def test_a_seed_without_an_evaluation_is_told() -> None:
    run = of_seeds(SEEDS, "trajectoryTransformer", "onlineDistillation", "evaluation")
    run.artifacts["evaluation"] = run.artifacts["evaluation"][:1]
    with pytest.raises(InputInvalid, match=r"names no evaluation of seed 2\."):
        run.do("comparison")
