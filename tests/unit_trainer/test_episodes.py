"""Whole episodes: true last observations, selection, joining, stratified split, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from unit_trainer.recorded_episodes import TASKS, recorded

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.replay.episodes import EPISODE_FIELDS, ROW_FIELDS, SOURCES, Episodes, concatenate
from collectiverun_trainer.replay.shards import read_episodes, write_episodes


def same(one: Episodes, other: Episodes) -> bool:
    """Equal in every field."""
    names = [n for n in ROW_FIELDS + EPISODE_FIELDS if getattr(one, n) is not None]
    equal = all(torch.equal(getattr(one, n), getattr(other, n)) for n in names)
    return equal and one.tasks == other.tasks and (one.z is None) == (other.z is None)


def test_next_observations_are_true_at_the_end_of_every_episode() -> None:
    episodes = replace(
        recorded([3, 1, 2], [0, 1, 0]), last_obs=torch.arange(3.0)[:, None].expand(3, 39) + 100
    )
    following = episodes.next_obs()
    assert torch.equal(following[0], episodes.obs[1])
    assert following[[2, 3, 5], 0].tolist() == [100.0, 101.0, 102.0]
    assert torch.equal(following[4], episodes.obs[5])


def test_rows_know_their_episode() -> None:
    episodes = recorded([3, 1, 2], [0, 1, 0])
    assert len(episodes) == 3
    assert episodes.rows == 6
    assert episodes.lengths.tolist() == [3, 1, 2]
    assert episodes.episode_of_row.tolist() == [0, 0, 0, 1, 2, 2]


def test_selection_keeps_whole_episodes() -> None:
    chosen = recorded([3, 1, 2], [0, 1, 0]).select(torch.tensor([True, False, True]))
    assert chosen.lengths.tolist() == [3, 2]
    assert chosen.episode_start.tolist() == [0, 3]
    assert chosen.reward.flatten().tolist() == [0, 0, 0, 2, 2]
    assert len(chosen.select(torch.zeros(2, dtype=torch.bool))) == 0


def test_joining_merges_the_tables_of_tasks() -> None:
    first, second = recorded([2, 1], [0, 1]), recorded([3], [0], seed=1)
    second = replace(second, tasks=(TASKS[2],))
    joined = concatenate([second, first, second])
    assert joined.tasks == (TASKS[2], TASKS[0], TASKS[1])
    assert joined.task.tolist() == [0, 1, 2, 0]
    assert joined.episode_start.tolist() == [0, 3, 5, 6]
    assert same(concatenate([second]), second)


def test_joining_nothing_or_half_embedded_episodes_is_refused() -> None:
    plain = recorded([2], [0])
    with pytest.raises(ValueError, match="no episodes"):
        concatenate([])
    with pytest.raises(ValueError, match="some episodes carry z"):
        concatenate([plain, replace(plain, z=torch.zeros(2, 4))])


def test_a_split_holds_out_whole_episodes_of_every_task_and_source() -> None:
    task = [0] * 20 + [1] * 7
    source = [SOURCES.index("training")] * 15 + [SOURCES.index("policy")] * 5 + [0] * 6 + [3]
    episodes = replace(recorded([2] * 27, task), source=torch.tensor(source))
    split = episodes.split(0.8, np.random.default_rng(0))
    held = split.validation.bool()
    counted = {
        (t, s): int(held[(split.task == t) & (split.source == s)].sum())
        for t, s in {*zip(task, source, strict=True)}
    }
    assert counted == {(0, 0): 3, (0, 1): 1, (1, 0): 1, (1, 3): 0}
    assert len(split.training_part()) + len(split.validation_part()) == 27
    assert len(split.validation_part()) == int(held.sum())
    again = episodes.split(0.8, np.random.default_rng(0))
    assert torch.equal(split.validation, again.validation)
    assert not torch.equal(split.validation, episodes.split(0.8, np.random.default_rng(1)).validation)


def test_two_episodes_of_a_source_are_shared_between_both_parts() -> None:
    split = recorded([2, 2], [0, 0]).split(0.8, np.random.default_rng(0))
    assert sorted(split.validation.tolist()) == [0, 1]


def test_unlabelled_episodes_keep_order_source_and_goals() -> None:
    columns = {name: torch.randn(3, 5, size) for name, size in (("obs", 39), ("action", 4), ("reward", 1))}
    columns["success"] = torch.ones(3, 5, 1)
    last, goal = torch.randn(3, 39), torch.tensor([4, 1, 4])
    episodes = Episodes.unlabelled(Task(env="push-v3"), "policy", columns, last, goal)
    assert episodes.lengths.tolist() == [5, 5, 5]
    assert torch.equal(episodes.obs[7], columns["obs"][1, 2])
    assert torch.equal(episodes.last_obs, last)
    assert episodes.source.tolist() == [1, 1, 1]
    assert episodes.goal.tolist() == [4, 1, 4]
    assert episodes.success.dtype == torch.uint8
    assert int(episodes.success.sum()) == 15


def test_tensors_and_document_give_the_same_episodes_back() -> None:
    for episodes in (recorded([3, 2], [0, 1]), replace(recorded([3, 2], [0, 1]), z=torch.randn(5, 6))):
        assert same(Episodes.from_tensors(*episodes.to_tensors()), episodes)


Damage = Callable[[dict[str, torch.Tensor], dict[str, object]], object]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda tensors, _: tensors.pop("mu"), "lack the tensors mu"),
        (lambda tensors, _: tensors.update(q=tensors["q"][:-1]), "'q' has 4 rows, 'obs' has 5"),
        (lambda tensors, _: tensors.update(goal=tensors["goal"][:-1]), "'goal' has 1 entries for 2 episodes"),
        (lambda tensors, _: tensors["episode_start"].fill_(1), "'episode_start' must ascend"),
        (lambda tensors, _: tensors["task"].fill_(9), "'task' leaves the table of 2 tasks"),
        (lambda _, document: document.update(sources=["policy"]), "episodes name the sources"),
    ],
)
def test_parts_that_do_not_fit_are_refused(damage: Damage, message: str) -> None:
    tensors, document = recorded([3, 2], [0, 1]).to_tensors()
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    damage(tensors, document)
    with pytest.raises(ValueError, match=message):
        Episodes.from_tensors(tensors, document)


def test_a_shard_is_read_as_it_was_written() -> None:
    storage, uri = Storage(StorageOptions()), "memory://episodes/shard"
    episodes = recorded([3, 2], [0, 1])
    writer = ArtifactWriter(storage, uri)
    write_episodes(writer, "reach/buffer_distill", episodes)
    writer.commit({})
    artifact = Artifact.open(storage, uri)
    assert artifact.names == ("reach/buffer_distill.json", "reach/buffer_distill.safetensors")
    assert same(read_episodes(artifact, "reach/buffer_distill"), episodes)


def test_a_shard_whose_parts_do_not_fit_is_an_invalid_input() -> None:
    storage, uri = Storage(StorageOptions()), "memory://episodes/unfit"
    tensors, document = recorded([3, 2], [0, 1]).to_tensors()
    writer = ArtifactWriter(storage, uri)
    writer.add_tensors(
        "buffer.safetensors", {name: value for name, value in tensors.items() if name != "z" and name != "mu"}
    )
    writer.add_json("buffer.json", document)
    writer.commit({})
    with pytest.raises(
        InputInvalid, match=r"buffer.safetensors of 'memory://episodes/unfit' .* lack the tensors mu"
    ):
        read_episodes(Artifact.open(storage, uri), "buffer")


def test_episodes_from_before_a_source_was_known_are_read() -> None:
    tensors, document = recorded([3, 4], [0, 1]).to_tensors()
    before = document | {"sources": document["sources"][:-1]}
    assert Episodes.from_tensors(tensors, before).source.tolist() == tensors["source"].tolist()
    with pytest.raises(ValueError, match="this version knows"):
        Episodes.from_tensors(tensors, document | {"sources": ["policy", "training"]})
