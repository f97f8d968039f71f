"""The collective acts from histories alone, and its artifact holds all it needs."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pytest
import torch
from unit_trainer.small_collective import TASKS, small_collective
from unit_trainer.storage_places import new_storage

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.storage import join
from collectiverun_trainer.collective.policy import Collective, CollectivePolicy
from collectiverun_trainer.environments.observation import Array
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.policy_files.collectives import (
    COLLECTIVE_FILES,
    copy_collective,
    load_collective,
    save_collective,
)

ROWS = 6
CPU = torch.device("cpu")


def rows(seed: int) -> tuple[Array, Array, Array]:
    """Observations, actions and rewards of one decision of ROWS episodes."""
    generator = np.random.default_rng(seed)
    obs = generator.normal(size=(ROWS, 39)).astype(np.float32)
    action = generator.uniform(-1, 1, (ROWS, 4)).astype(np.float32)
    return obs, action, generator.uniform(0, 10, ROWS).astype(np.float32)


def after_history(policy: CollectivePolicy, decisions: int, order: Array | None = None) -> CollectivePolicy:
    """The policy after some decisions, its rows in another order if one is given."""
    index = np.arange(ROWS) if order is None else order
    policy.begin(ROWS)
    for seed in range(decisions):
        policy.observe(*(part[index] for part in rows(seed)))
    return policy


def published(collective: Collective) -> Artifact:
    storage, uri = new_storage(), f"memory://{secrets.token_hex(8)}/collective"
    writer = ArtifactWriter(storage, uri)
    save_collective(writer, collective)
    writer.commit({})
    return Artifact.open(storage, uri)


@pytest.mark.parametrize("decisions", [0, 3, 8])
def test_actions_follow_the_row_wherever_it_lies(decisions: int) -> None:
    """So nothing but the episode itself decides: neither its place nor what is played beside it."""
    obs, _, _ = rows(99)
    order = np.array([4, 0, 5, 2, 1, 3])
    straight = after_history(small_collective().policy(), decisions).act(obs)
    shuffled = after_history(small_collective().policy(), decisions, order).act(obs[order])
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-5)


def test_history_matters_and_is_forgotten_when_episodes_begin() -> None:
    obs, _, _ = rows(99)
    policy = small_collective().policy()
    fresh = after_history(policy, 0).act(obs)
    assert not np.allclose(after_history(policy, 4).act(obs), fresh, atol=1e-4)
    np.testing.assert_array_equal(after_history(policy, 0).act(obs), fresh)


def test_zero_hides_the_embedding_and_shuffled_takes_that_of_the_next_task() -> None:
    collective = small_collective()
    true, zero, shuffled = (
        after_history(collective.policy(mode), 4).embed() for mode in ("true", "zero", "shuffled")
    )
    assert torch.equal(zero, torch.zeros_like(true))
    per_task = ROWS // len(TASKS)
    for row in range(ROWS):
        assert torch.equal(shuffled[row], true[(row - per_task) % ROWS])
    assert not torch.allclose(shuffled, true)


def test_modes_that_make_no_sense_are_refused() -> None:
    collective = small_collective()
    with pytest.raises(ValueError, match="at least two tasks"):
        collective.policy("shuffled", tasks=1)
    with pytest.raises(ValueError, match="use one of true, zero, shuffled"):
        collective.policy("none")  # type: ignore[arg-type]


@pytest.mark.parametrize("q_scale", [True, False])
def test_a_published_collective_acts_as_it_did(q_scale: bool) -> None:
    collective = small_collective(q_scale)
    loaded = load_collective(published(collective), CPU)
    obs, action, _ = rows(7)
    expected = after_history(collective.policy(), 6)
    np.testing.assert_array_equal(after_history(loaded.policy(), 6).act(obs), expected.act(obs))
    given = (expected.embed(), torch.from_numpy(obs), torch.from_numpy(action))
    assert torch.equal(loaded.network.q(*given), collective.network.q(*given))
    assert loaded.tasks == TASKS
    assert (loaded.q_scale is not None) == q_scale
    if loaded.q_scale and collective.q_scale:
        assert torch.equal(loaded.q_scale.std, collective.q_scale.std)


def test_a_copy_is_the_collective_byte_for_byte() -> None:
    source = published(small_collective())
    storage, uri = new_storage(), f"memory://{secrets.token_hex(8)}/copy"
    writer = ArtifactWriter(storage, uri)
    copy_collective(source, writer)
    writer.commit({})
    copied = Artifact.open(storage, uri)
    assert set(copied.names) == set(COLLECTIVE_FILES)
    assert all(copied.read(name) == source.read(name) for name in COLLECTIVE_FILES)


def test_a_damaged_collective_is_refused(tmp_path: Path) -> None:
    uri = tmp_path.as_uri()
    storage = new_storage()
    writer = ArtifactWriter(storage, uri)
    save_collective(writer, small_collective())
    writer.commit({})
    storage.write(join(uri, "collective.safetensors"), b"nothing")
    with pytest.raises(InputInvalid, match=r"collective\.safetensors"):
        load_collective(Artifact.open(storage, uri), CPU)


def test_weights_of_other_sizes_are_refused() -> None:
    storage, uri = new_storage(), f"memory://{secrets.token_hex(8)}/other"
    writer, source = ArtifactWriter(storage, uri), published(small_collective())
    document = source.read_json("collective.json") | {"hiddenSizes": [32]}
    for name in COLLECTIVE_FILES:
        if name == "collective.json":
            writer.add_json(name, document)
        else:
            writer.add(name, source.read(name))
    writer.commit({})
    with pytest.raises(InputInvalid, match="do not make a collective"):
        load_collective(Artifact.open(storage, uri), CPU)
