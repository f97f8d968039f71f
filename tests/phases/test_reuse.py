"""What an earlier run has learned stands in for a phase: copied, checked, told; only the rest is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from phases.small_run import PARAMS, SmallRun, StopAfter

from collectiverun_trainer import phases
from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.commits import committed
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration, Stopped
from collectiverun_trainer.order import PhaseResult, StorageOptions
from collectiverun_trainer.policy_files.collectives import load_collective

REACH, CLOSE, BUTTON = (Task(env=name) for name in ("reach-v3", "drawer-close-v3", "button-press-v3"))
LEARNED: tuple[Phase, ...] = ("experts", "trajectoryTransformer", "onlineDistillation")


@pytest.fixture(scope="module")
def finished() -> SmallRun:
    """A run of reach and drawer-close that has a collective."""
    run = SmallRun()
    for phase in LEARNED:
        run.do(phase)
    return run


def opened(run: SmallRun, phase: Phase) -> Artifact:
    return Artifact.open(Storage(StorageOptions()), run.artifacts[phase][0].uri)


def of_task(artifact: Artifact, task: Task) -> dict[str, bytes]:
    return {name: artifact.read(name) for name in artifact.names if name.startswith(f"{task.name}/")}


def experts_again(
    earlier: SmallRun, *tasks: Task, address: str = "", **more: Any
) -> tuple[SmallRun, PhaseResult]:
    run = SmallRun(tasks=tasks, earlier={"experts": address or earlier.root}, **more)
    return run, run.do("experts")


def test_a_task_is_added_for_the_price_of_one_expert(finished: SmallRun) -> None:
    run, result = experts_again(finished, BUTTON, REACH, CLOSE, seed=2)
    alone = SmallRun(tasks=(BUTTON,), seed=2)
    alone_result = alone.do("experts")
    assert result.env_steps == alone_result.env_steps == PARAMS["experts"]["totalEnvSteps"]
    theirs, ours = opened(finished, "experts"), opened(run, "experts")
    for task in (REACH, CLOSE):
        assert of_task(ours, task) == of_task(theirs, task) != {}
    assert of_task(ours, BUTTON) == of_task(opened(alone, "experts"), BUTTON) != {}
    assert result.note == (
        f"Experts reused from {finished.root}: reach-v3-sawyer, drawer-close-v3-sawyer;"
        " trained: button-press-v3-sawyer."
    )
    assert ours.manifest["reused"] == [{"uri": theirs.uri, "manifestSha256": theirs.manifest_sha256}]
    assert theirs.manifest["reused"] == []
    assert [task["env"] for task in ours.manifest["tasks"]] == [
        "button-press-v3",
        "reach-v3",
        "drawer-close-v3",
    ]
    # Curves of the report come from the metrics: every expert keeps its own.
    records = ours.read_json_lines("metrics.jsonl")
    for task in (REACH, CLOSE):
        told = [record for record in theirs.read_json_lines("metrics.jsonl") if record["task"] == task.name]
        assert [record for record in records if record["task"] == task.name] == told != []
    for phase in LEARNED[1:]:
        run.do(phase)  # which read copies as they read what was trained


def test_nothing_is_trained_where_all_is_there(finished: SmallRun) -> None:
    run, result = experts_again(finished, CLOSE)
    assert (result.env_steps, result.success) == (0, _success(finished, CLOSE))
    assert of_task(opened(run, "experts"), CLOSE) == of_task(opened(finished, "experts"), CLOSE)
    assert not of_task(opened(run, "experts"), REACH)
    assert result.note == f"Experts reused from {finished.root}: drawer-close-v3-sawyer."


def _success(run: SmallRun, task: Task) -> Any:
    rates = opened(run, "experts").manifest["extra"]["success"][task.name]
    return PhaseResult.model_validate({"exitCode": 0, "reason": "Succeeded", "success": rates}).success


def test_an_expert_that_nobody_has_is_trained_and_that_is_told(finished: SmallRun) -> None:
    _, result = experts_again(finished, BUTTON)
    assert result.env_steps == PARAMS["experts"]["totalEnvSteps"]
    assert result.note == f"Not in {finished.root}, so trained: button-press-v3-sawyer."


@pytest.mark.parametrize("part", ["experts/all", "artifact", "root with a slash"])
def test_a_member_and_an_artifact_are_addresses_too(finished: SmallRun, part: str) -> None:
    addresses = {
        "experts/all": f"{finished.root}/experts/all",
        "artifact": finished.artifacts["experts"][0].uri,
        "root with a slash": f"{finished.root}/",
    }
    _, result = experts_again(finished, REACH, address=addresses[part])
    assert result.env_steps == 0


def test_a_whole_run_is_reused_up_to_its_report(finished: SmallRun) -> None:
    params: dict[Phase, dict[str, Any]] = {"evaluation": {"videos": False}}
    run = SmallRun(seed=5, earlier=dict.fromkeys(LEARNED, finished.root), params=params)
    for phase in LEARNED:
        result = run.do(phase)
        theirs, ours = opened(finished, phase), opened(run, phase)
        assert ours.names == theirs.names
        for name in ours.names:
            # Records of several experts are in the order of the tasks now, not in that of the moments.
            assert sorted(ours.read(name).splitlines()) == sorted(theirs.read(name).splitlines()), name
        assert (result.env_steps, result.success) == (0, _result(theirs).success)
    run.do("evaluation")
    summary = opened(run, "evaluation").read_json("summary.json")
    assert [cost["envSteps"] for cost in summary["phases"]][: len(LEARNED)] == [0, 0, 0]
    assert sum("eused from" in note for note in summary["notes"]) == len(LEARNED)


def _result(artifact: Artifact) -> PhaseResult:
    return PhaseResult.model_validate(artifact.manifest["result"])


def test_a_collective_is_reused_with_its_encoder_only(finished: SmallRun) -> None:
    run = SmallRun(seed=2, earlier={"experts": finished.root, "onlineDistillation": finished.root})
    run.do("experts")
    run.do("trajectoryTransformer")
    with pytest.raises(InvalidConfiguration, match="trained with another trajectory transformer"):
        run.do("onlineDistillation")
    load_collective(opened(finished, "onlineDistillation"), run.context("experts").device)


@pytest.fixture(scope="module")
def of_two_seeds() -> dict[int, SmallRun]:
    """A run of seeds 1 and 7 that has two collectives; by seed what is its own."""
    whole = SmallRun(seeds=(1, 7))
    whole.do("experts")
    runs = {seed: replace(whole, seed=seed, member=f"seed-{seed}") for seed in whole.seeds}
    for run in runs.values():
        run.artifacts = dict(whole.artifacts)
        for phase in LEARNED[1:]:
            run.do(phase)
    return runs


@pytest.mark.parametrize(("seed", "taken"), [(1, 1), (7, 7), (3, 1)])
def test_of_a_run_with_several_seeds_each_takes_its_own(
    of_two_seeds: dict[int, SmallRun], seed: int, taken: int
) -> None:
    earlier = of_two_seeds[taken]
    run = SmallRun(seed=seed, member=f"seed-{seed}", earlier=dict.fromkeys(LEARNED[1:], earlier.root))
    run.do("experts")
    for phase in LEARNED[1:]:
        run.do(phase)
        theirs, ours = opened(earlier, phase), opened(run, phase)
        assert ours.manifest["reused"] == [{"uri": theirs.uri, "manifestSha256": theirs.manifest_sha256}]
        networks = [name for name in theirs.names if name.endswith(".safetensors")]
        assert networks and all(ours.read(name) == theirs.read(name) for name in networks)


@pytest.mark.parametrize(
    ("phase", "params", "told"),
    [
        ("experts", {"discount": 0.5}, r"params.discount is now 0.5, was 0.99"),
        ("trajectoryTransformer", {"window": 5}, "params.window is now 5, was 4"),
    ],
)
def test_other_parameters_are_refused_by_name_and_value(
    finished: SmallRun, phase: Phase, params: dict[str, Any], told: str
) -> None:
    run = SmallRun(earlier={phase: finished.root}, params={phase: params}, artifacts=dict(finished.artifacts))
    with pytest.raises(InvalidConfiguration, match=rf"^phases\.{phase}\.from: .*{told}.*give the same"):
        run.do(phase)


def test_another_environment_is_refused(finished: SmallRun) -> None:
    run = SmallRun(earlier={"experts": finished.root})
    order = run.order("experts")
    longer = order.environment.model_copy(update={"horizon_env_steps": 40})
    context = run.context("experts")
    context.order = order.model_copy(update={"environment": longer})
    with pytest.raises(InvalidConfiguration, match=r"environment\.horizonEnvSteps is now 40, was 20"):
        phases.load("experts")(context)


def test_an_address_without_anything_of_the_phase_is_refused(finished: SmallRun) -> None:
    for address in ("memory://nobody", f"{finished.root}/trajectoryTransformer/all"):
        with pytest.raises(
            InvalidConfiguration, match="holds nothing published of phase experts; give the root"
        ):
            experts_again(finished, REACH, address=address)


def test_an_encoder_of_other_tasks_is_refused(finished: SmallRun) -> None:
    run = SmallRun(tasks=(REACH, BUTTON), earlier={"trajectoryTransformer": finished.root})
    with pytest.raises(
        InvalidConfiguration, match=r"other tasks \(reach-v3-sawyer, drawer-close-v3-sawyer\)"
    ):
        run.do("trajectoryTransformer")


def test_a_damaged_expert_is_refused_and_nothing_is_published() -> None:
    earlier = SmallRun(tasks=(REACH,), params={"experts": {"source": "scripted"}})
    earlier.do("experts")
    storage, uri = Storage(StorageOptions()), opened(earlier, "experts").uri
    name = f"{uri}/{REACH.name}/policy.json"
    storage.write(name, storage.read(name)[:-1])
    run = SmallRun(tasks=(REACH,), earlier={"experts": earlier.root}, params=earlier.params)
    with pytest.raises(InputInvalid, match=r"policy.json is damaged"):
        run.do("experts")
    assert list(committed(storage, f"{run.root}/experts/all")) == []


def test_training_beside_a_reused_expert_goes_on_where_it_stopped() -> None:
    params: dict[Phase, dict[str, Any]] = {"experts": {"checkpointEveryEnvSteps": 40}}
    earlier = SmallRun(tasks=(REACH,), params=params)
    earlier.do("experts")
    whole, stopped = (
        SmallRun(tasks=(REACH, BUTTON), earlier={"experts": earlier.root}, params=params) for _ in range(2)
    )
    whole.do("experts")
    with pytest.raises(Stopped):
        phases.load("experts")(stopped.context("experts", stop=StopAfter(3)))
    result = phases.load("experts")(stopped.context("experts", attempt=2))
    again = Artifact.open(Storage(StorageOptions()), str(result.uri))
    assert {n: again.read(n) for n in again.names} == {
        n: opened(whole, "experts").read(n) for n in again.names
    }


def test_a_run_that_gives_more_at_the_next_attempt_is_refused() -> None:
    params: dict[Phase, dict[str, Any]] = {"experts": {"checkpointEveryEnvSteps": 40}}
    growing = SmallRun(tasks=(REACH,), params=params)
    growing.do("experts")
    run = SmallRun(tasks=(REACH, BUTTON, CLOSE), earlier={"experts": growing.root}, params=params)
    with pytest.raises(Stopped):
        phases.load("experts")(run.context("experts", stop=StopAfter(3)))
    other = SmallRun(tasks=(BUTTON,), params=params)
    other.do("experts")
    _second_member(growing, other)
    with pytest.raises(InvalidConfiguration, match="when the checkpoint was saved; begin a new run"):
        phases.load("experts")(run.context("experts", attempt=2))


def _second_member(run: SmallRun, other: SmallRun) -> None:
    """What the other run has published becomes a second member of this one's experts."""
    storage, source = Storage(StorageOptions()), opened(other, "experts")
    for name in (*source.names, "manifest.json", "_SUCCESS"):
        storage.write(f"{run.root}/experts/second/attempt-1/pod/{name}", storage.read(f"{source.uri}/{name}"))
    assert json.loads(storage.read(f"{run.root}/experts/second/attempt-1/pod/manifest.json"))
