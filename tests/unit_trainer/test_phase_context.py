"""What a phase gets from its context: typed parameters, verified inputs, checkpoints on request, a commit."""

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from unit_trainer.storage_places import REACH, SCHEMES, new_order, new_storage, place

from collectiverun_trainer.artifacts import agreement, commits
from collectiverun_trainer.artifacts.artifact import MANIFEST_NAME, Artifact
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.storage import join
from collectiverun_trainer.config import ExpertsParams
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration, Stopped
from collectiverun_trainer.order import POD_UID_VARIABLE, ArtifactReference, PhaseOrder, Success
from collectiverun_trainer.phases import context as phase_context
from collectiverun_trainer.phases.configuration import configuration
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.preparation import prepare
from collectiverun_trainer.process.reporter import Reporter

STORAGE = new_storage()


class Flag:
    """A stop flag that the test raises."""

    requested = False


@pytest.fixture(params=SCHEMES)
def member_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return place(request.param, tmp_path)


def context(order: PhaseOrder, flag: Flag | None = None) -> PhaseContext:
    checkpoints = CheckpointStore(STORAGE, join(order.member_uri, "checkpoints"), order.attempt)
    return PhaseContext(
        order, STORAGE, Reporter(io.StringIO()), checkpoints, torch.device("cpu"), flag or Flag()
    )


def publish(order: PhaseOrder):
    work = context(order)
    work.reporter.metrics(10, 5, {"losses/critic": 1.0}, REACH)
    writer = work.writer()
    writer.add("policy.json", b"{}")
    return work.publish(writer, Success(any_step=1.0, at_end=0.5), 1000, "A note.", {"episodes": 3})


def test_parameters_are_typed_and_their_defaults_filled_in(member_uri: str):
    params = context(new_order(member_uri, params={"batchSize": 32})).params(ExpertsParams)
    assert (params.batch_size, params.discount) == (32, 0.99)


def test_all_wrong_parameters_are_named_at_once(member_uri: str):
    order = new_order(member_uri, params={"batchSize": 0, "discuont": 0.9})
    with pytest.raises(InvalidConfiguration, match=r"params\.batchSize: .*; params\.discuont: "):
        context(order).params(ExpertsParams)


def test_what_is_published_says_what_it_is(member_uri: str, monkeypatch):
    monkeypatch.setenv(POD_UID_VARIABLE, "a1b2c3d4-e5f6")
    result = publish(new_order(member_uri, attempt=3, seed=7))
    assert result.uri == join(member_uri, "attempt-3", "a1b2c3d4")
    assert result.uri is not None
    manifest = Artifact.open(STORAGE, result.uri, result.manifest_sha256).manifest
    assert manifest["phase"] == "experts"
    assert manifest["member"] == "reach-v3-sawyer"
    assert manifest["tasks"] == [{"env": "reach-v3", "robot": "sawyer"}]
    assert manifest["envSteps"] == 1000
    assert manifest["success"] == {"anyStep": 1.0, "atEnd": 0.5}
    assert manifest["config"]["seed"] == 7
    assert manifest["config"]["params"]["learningRate"] == 1e-3
    assert manifest["extra"] == {"episodes": 3}
    assert manifest["versions"]["torch"] == torch.__version__


def test_the_metrics_are_part_of_the_artifact(member_uri: str):
    result = publish(new_order(member_uri))
    line = Artifact.open(STORAGE, str(result.uri)).read("metrics.jsonl")
    assert json.loads(line)["values"] == {"losses/critic": 1.0}


def test_two_pods_of_one_attempt_write_apart(member_uri: str, monkeypatch):
    monkeypatch.delenv(POD_UID_VARIABLE, raising=False)
    assert context(new_order(member_uri)).writer().uri != context(new_order(member_uri)).writer().uri


def test_inputs_are_opened_and_become_parents(member_uri: str):
    expert = publish(new_order(join(member_uri, "experts")))
    reference = ArtifactReference(
        member=REACH.name, uri=str(expert.uri), manifest_sha256=expert.manifest_sha256, tasks=(REACH,)
    )
    work = context(new_order(join(member_uri, "own"), inputs={"experts": (reference,)}))
    [(given, artifact)] = work.inputs("experts")
    assert given == reference
    assert artifact.manifest["member"] == REACH.name
    manifest = Artifact.open(STORAGE, str(work.publish(work.writer(), None, 0).uri)).manifest
    assert manifest["parents"] == {
        "experts": [
            {"member": REACH.name, "uri": expert.uri, "manifestSha256": expert.manifest_sha256},
        ]
    }


def test_an_input_that_was_not_ordered_or_is_missing_is_invalid(member_uri: str):
    reference = ArtifactReference(member="all", uri=join(member_uri, "nothing"), tasks=(REACH,))
    work = context(new_order(member_uri, inputs={"experts": (reference,)}))
    with pytest.raises(InputInvalid, match="never committed"):
        work.inputs("experts")
    with pytest.raises(InputInvalid, match="names no artifact of 'refinement'"):
        work.inputs("refinement")


class Steps:
    """Work that counts its steps."""

    def __init__(self) -> None:
        self.step = 0

    def state_dict(self) -> dict[str, int]:
        return {"step": self.step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step = state["step"]


def go_to(work: PhaseContext, steps: Steps, step: int, every: int | None = None) -> None:
    steps.step = step
    work.checkpoint_or_stop(step, every)


def saved_steps(work: PhaseContext) -> tuple[int, int]:
    """Step of the newest checkpoint, as its name and its content say."""
    saved = work.checkpoints.latest()
    assert saved is not None
    return saved[0], saved[1]["work"]["step"]


def test_a_checkpoint_is_taken_where_one_is_due(member_uri: str):
    work, steps = context(new_order(member_uri)), Steps()
    assert not work.resume(steps)
    for step in (0, 4, 8, 12, 16, 30, 31):
        go_to(work, steps, step, every=10)
    assert saved_steps(work) == (30, 30)
    assert STORAGE.list(join(member_uri, "checkpoints")) == ["attempt-1-step-12", "attempt-1-step-30"]


def test_the_schedule_goes_on_after_a_resume(member_uri: str):
    first, steps = context(new_order(member_uri)), Steps()
    first.resume(steps)
    first.reporter.metrics(12, 0, {"losses/critic": 1.0})
    go_to(first, steps, 12, every=12)
    work, resumed = context(new_order(member_uri, attempt=2)), Steps()
    assert work.resume(resumed)
    assert resumed.step == 12
    assert work.reporter.records == first.reporter.records
    go_to(work, resumed, 16, every=10)
    assert saved_steps(work) == (12, 12)
    go_to(work, resumed, 20, every=10)
    assert saved_steps(work) == (20, 20)


def test_a_stop_saves_first_and_only_what_is_not_saved(member_uri: str, monkeypatch):
    flag, steps = Flag(), Steps()
    work = context(new_order(member_uri), flag)
    work.resume(steps)
    go_to(work, steps, 10, every=10)
    flag.requested = True
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(steps, "state_dict", lambda: pytest.fail("already saved"))
        go_to(work, steps, 10)
    with pytest.raises(Stopped, match="step 13 is saved"):
        go_to(work, steps, 13, every=10)
    assert saved_steps(work) == (13, 13)


def earlier(order: PhaseOrder):
    return commits.earlier_result(STORAGE, order, configuration(order))


def test_an_earlier_commit_is_reported_again_as_it_was(member_uri: str):
    order = new_order(member_uri)
    assert earlier(order) is None
    result = publish(order)
    assert earlier(new_order(member_uri, attempt=2)) == result


def test_the_first_of_two_commits_counts(member_uri: str):
    late = publish(new_order(member_uri, attempt=10))
    first = publish(new_order(member_uri, attempt=2))
    assert late != first
    assert earlier(new_order(member_uri, attempt=11)) == first


@pytest.mark.parametrize("file", ["policy.json", MANIFEST_NAME, "_SUCCESS"])
def test_a_damaged_commit_is_not_reported_again(member_uri: str, file: str):
    result = publish(new_order(member_uri))
    STORAGE.write(join(str(result.uri), file), b"damaged")
    assert earlier(new_order(member_uri, attempt=2)) is None


def test_an_unfinished_attempt_is_no_commit(member_uri: str):
    work = context(new_order(member_uri))
    work.writer().add("policy.json", b"{}")
    assert earlier(new_order(member_uri, attempt=2)) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 2}, "seed is now 2, was 1"),
        ({"params": {"discount": 0.5}}, r"params\.discount is now 0\.5, was 0\.99"),
        ({"environment": {"goals": 10}}, r"environment\.goals is now 10, was 50"),
    ],
    ids=["seed", "params", "environment"],
)
def test_the_commit_of_another_configuration_is_refused(member_uri: str, change: dict, named: str):
    publish(new_order(member_uri))
    with pytest.raises(InvalidConfiguration, match=named):
        earlier(new_order(member_uri, **change))


def test_threads_and_attempt_are_no_part_of_the_configuration(member_uri: str):
    result = publish(new_order(member_uri, threads=1))
    assert earlier(new_order(member_uri, threads=4, attempt=5)) == result


def published_encoder(member_uri: str, *members: str):
    """An encoder made from the experts of these members, and what its order named."""
    references = []
    for member in members:
        expert = publish(new_order(join(member_uri, "experts", member), member=member))
        references.append(
            ArtifactReference(
                member=member,
                uri=str(expert.uri),
                manifest_sha256=expert.manifest_sha256,
                tasks=(REACH,),
            )
        )
    work = context(encoder_order(member_uri, experts=tuple(references)))
    work.inputs("experts")
    return work.publish(work.writer(), None, 0), tuple(references)


def encoder_order(member_uri: str, **inputs: tuple[ArtifactReference, ...]) -> PhaseOrder:
    return new_order(join(member_uri, "own"), phase="trajectoryTransformer", member="all", inputs=inputs)


def test_work_from_the_same_inputs_is_reported_again(member_uri: str):
    result, (one, two) = published_encoder(member_uri, "one", "two")
    without_digest = one.model_copy(update={"manifest_sha256": None})
    assert earlier(encoder_order(member_uri, experts=(one, two))) == result
    assert earlier(encoder_order(member_uri, experts=(without_digest, two))) == result
    # As a person may name all there is: what the phase did not read is no input of it.
    assert earlier(encoder_order(member_uri, experts=(one, two), trajectoryTransformer=(one,))) == result


def test_work_from_other_inputs_is_not_reported_as_this_one(member_uri: str):
    _, (one, two) = published_encoder(member_uri, "one", "two")
    elsewhere = one.model_copy(update={"uri": "file:///no/such/expert"})
    damaged = one.model_copy(update={"manifest_sha256": "0" * 64})
    for experts, named in (
        ((), "experts: now no artifacts, was 2 artifacts"),
        ((one,), "experts: now 1 artifact, was 2 artifacts"),
        ((elsewhere, two), f"experts: one is now file:///no/such/expert, was one {one.uri}"),
        ((damaged, two), f"experts: one has now manifestSha256 {'0' * 64}, had {one.manifest_sha256}"),
        ((two, one), f"experts: two is now {two.uri}, was one {one.uri}"),
    ):
        with pytest.raises(InvalidConfiguration, match=re.escape(named)):
            earlier(encoder_order(member_uri, experts=experts))


def test_an_optional_input_that_was_not_read_then_is_another_one(member_uri: str):
    _, (one,) = published_encoder(member_uri, "one")
    order = encoder_order(member_uri, experts=(one,), students=(one,))
    assert earlier(order) is not None  # a later phase is no input
    with pytest.raises(InvalidConfiguration, match="students: now 1 artifact, was no artifacts"):
        agreement.require_inputs(order.model_copy(update={"phase": "evaluation"}), {}, member_uri)


def test_a_checkpoint_of_other_inputs_is_refused(member_uri: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(phase_context, "Storage", lambda _: STORAGE)
    _, (one, two) = published_encoder(member_uri, "one", "two")

    def attempt(expert: ArtifactReference) -> PhaseContext:
        return prepare(encoder_order(member_uri, experts=(expert,)), Reporter(io.StringIO()), Flag())

    saving, steps = attempt(one), Steps()
    saving.resume(steps)
    go_to(saving, steps, 10, every=10)
    assert attempt(one).resume(Steps())
    with pytest.raises(InvalidConfiguration, match=re.escape(f"inputs.experts is now ['{two.uri}']")):
        attempt(two).resume(Steps())


def test_files_that_others_leave_between_ours_hide_no_commit_and_stay(tmp_path: Path):
    member_uri = f"file://{tmp_path}/member"
    result = publish(new_order(member_uri))
    (tmp_path / "member" / "attempt-2").write_text("a file where an attempt has a folder")
    strange = [folder / ".DS_Store" for folder in (tmp_path / "member").rglob("*") if folder.is_dir()]
    for path in [*strange, tmp_path / "member" / ".DS_Store"]:
        path.write_text("of a file manager")
    assert earlier(new_order(member_uri, attempt=3)) == result
    assert all(path.exists() for path in strange)


def test_files_that_others_leave_between_checkpoints_hide_none(tmp_path: Path):
    uri = f"file://{tmp_path}/checkpoints"
    store = CheckpointStore(STORAGE, uri, attempt=1, keep=1)
    store.save(1, {"step": 1})
    for folder in ("checkpoints", "checkpoints/attempt-1-step-1"):
        (tmp_path / folder / ".DS_Store").write_text("of a file manager")
    later = CheckpointStore(STORAGE, uri, attempt=2, keep=1)
    assert later.latest() == (1, {"step": 1})
    later.save(2, {"step": 2})
    assert CheckpointStore(STORAGE, uri, attempt=3).latest() == (2, {"step": 2})
