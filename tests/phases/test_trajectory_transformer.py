"""The phase trajectoryTransformer on real episodes: what it publishes, what it learns, what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from phases.encoder_orders import TASKS, contents, encoder_order, opened, run, scripted_experts

from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import ArtifactReference, PhaseOrder, PhaseResult
from collectiverun_trainer.policy_files.collectives import load_encoder
from collectiverun_trainer.replay.episodes import SOURCES, concatenate
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.transformer.windows import windows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoder")


@pytest.fixture(scope="module")
def experts(root: Path) -> ArtifactReference:
    return scripted_experts(root)


@pytest.fixture(scope="module")
def published(root: Path, experts: ArtifactReference) -> tuple[PhaseOrder, PhaseResult]:
    order = encoder_order(root, experts, name="published")
    return order, run(order)


Published = tuple[PhaseOrder, PhaseResult]


def metric(document: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in document[part] if each["name"] == name)
    return dict(found)


def test_the_artifact_has_what_other_phases_and_the_report_read(published: Published) -> None:
    artifact = opened(*published)
    assert set(artifact.names) == {
        "embeddings.json",
        "embeddings.safetensors",
        "encoder.json",
        "encoder.safetensors",
        "metrics.jsonl",
        "quality.json",
    }
    embeddings, names = artifact.read_tensors("embeddings.safetensors"), artifact.read_json("embeddings.json")
    count = len(embeddings["z"])
    assert {name: len(values) for name, values in embeddings.items()} == dict.fromkeys(embeddings, count)
    assert set(embeddings) == {"z", "map2d", "task", "robot", "source", "episode", "completed"}
    assert embeddings["map2d"].shape == (count, 2)
    assert names["tasks"] == [task.name for task in TASKS]
    assert names["robots"] == ["sawyer"]
    assert published[1].env_steps == 0


def test_the_encoder_learns_to_tell_tasks_apart(published: Published) -> None:
    document = opened(*published).read_json("quality.json")
    learned, untrained = (metric(document, part, "kNN task accuracy") for part in ("figures", "untrained"))
    assert learned["chance"] == pytest.approx(1 / 3)
    # Processors round differently, so this must hold for other seeds too. The scenes of tasks differ: even
    # an untrained encoder tells many episodes apart.
    assert learned["value"] >= max(0.9, untrained["value"])
    for name in ("silhouette", "distance between tasks"):
        assert metric(document, "figures", name)["value"] > metric(document, "untrained", name)["value"] + 0.2


def test_the_published_encoder_gives_the_published_embeddings(
    published: Published, experts: ArtifactReference
) -> None:
    order, result = published
    encoder = load_encoder(opened(order, result), CPU)
    source = opened(order, PhaseResult(exit_code=0, reason="Succeeded", uri=experts.uri))
    episodes = concatenate([read_episodes(source, f"{task.name}/buffer_distill") for task in TASKS])
    held_out = episodes.validation_part()
    stored = opened(order, result).read_tensors("embeddings.safetensors")
    rows = held_out.episode_start[stored["episode"]] + stored["completed"]
    assert torch.equal(encoder.embed(windows(held_out, rows, encoder.params.window)), stored["z"])
    assert torch.equal(held_out.task[stored["episode"]], stored["task"])
    pooled = episodes.training_part().reward.mean(0)
    torch.testing.assert_close(encoder.normaliser.get_buffer("reward_mean"), pooled)


def test_metrics_tell_training_validation_and_quality(root: Path, published: Published) -> None:
    lines = opened(*published).read("metrics.jsonl").decode().splitlines()
    assert len(lines) == 6  # validations at 20, 40, 60, 80 and 90 gradient steps, then the quality
    assert '"validation/contrastive"' in lines[0]
    assert '"losses/reconstruction"' in lines[4]
    assert '"quality/kNN_task_accuracy"' in lines[5]


def test_the_same_order_gives_the_same_bits_however_experts_were_grouped(
    root: Path, experts: ArtifactReference, published: Published
) -> None:
    apart = [experts.model_copy(update={"tasks": (task,)}) for task in TASKS]
    order = encoder_order(root, *apart, name="grouped-otherwise")
    assert contents(order, run(order)) == contents(*published)


def test_training_stops_early_without_gain(root: Path, experts: ArtifactReference) -> None:
    order = encoder_order(root, experts, name="early", learningRate=1e-9, patience=2)
    document = opened(order, run(order)).read_json("quality.json")
    assert document["gradientSteps"] == 60  # validated at 20, no gain at 40 and 60


@pytest.mark.parametrize(
    "changes",
    [
        {"positives": "selfSupervised"},
        {"contrastiveWeight": 0},
        {"reconstructionWeight": 0},
        {"temporalWeight": 0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_variants_train(root: Path, experts: ArtifactReference, changes: dict[str, Any]) -> None:
    name = "variant-" + next(iter(changes))
    order = encoder_order(root, experts, name=name, gradientSteps=20, **changes)
    document = opened(order, run(order)).read_json("quality.json")
    assert document["bestGradientSteps"] == 20


def test_one_task_alone_works_and_says_what_that_means(root: Path, experts: ArtifactReference) -> None:
    alone = experts.model_copy(update={"tasks": TASKS[:1]})
    order = encoder_order(root, alone, name="one-task", gradientSteps=20)
    result = run(order)
    assert "one task" in result.note
    assert opened(order, result).read_json("quality.json")["figures"] == []


def test_an_artifact_without_the_buffer_is_refused(root: Path, published: Published) -> None:
    _, result = published
    assert result.uri is not None
    wrong = ArtifactReference(member="all", uri=result.uri, tasks=TASKS)
    with pytest.raises(InputInvalid, match="reach-v3-sawyer/buffer_distill"):
        run(encoder_order(root, wrong, name="wrong-input"))


def test_crossed_episodes_are_played_for_every_task_and_held_out_in_part(
    root: Path, experts: ArtifactReference
) -> None:
    order = encoder_order(root, experts, name="crossed", crossedEpisodes=5)
    result = run(order)
    assert result.env_steps == len(TASKS) * 5 * order.environment.horizon_env_steps
    embeddings = opened(order, result).read_tensors("embeddings.safetensors")
    crossed = embeddings["source"] == SOURCES.index("crossed")
    assert set(embeddings["task"][crossed].tolist()) == {0, 1, 2}
    without = encoder_order(root, experts, name="crossed-not")
    assert run(without).env_steps == 0
