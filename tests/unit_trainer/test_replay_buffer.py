"""The packed replay: own draws, true next observations, demonstrations in half of each batch, exact state."""

from __future__ import annotations

import pytest
import torch
from unit_trainer.random_transitions import filled_replay, generators

from collectiverun_trainer.replay.buffer import ReplayBuffer


def numbered(capacity: int, rows: int, demonstrations: int = 0) -> ReplayBuffer:
    """Two learners; row k's obs is k everywhere (1000 + k of the second), next_obs half more."""
    replay = ReplayBuffer(capacity, generators([1, 2]), demonstrations)
    offset = torch.tensor([[0.0], [1000.0]])
    for k in range(rows):
        obs = (offset + k).expand(2, 39)
        replay.add(obs, torch.zeros(2, 4), obs[:, 0] / 10, obs + 0.5, success=torch.tensor([1.0, 0.0]))
    return replay


def test_a_batch_holds_whole_transitions_of_the_learner_itself() -> None:
    batch = numbered(capacity=50, rows=20).sample(64)
    assert batch.obs.shape == (2, 64, 39)
    assert torch.equal(batch.next_obs, batch.obs + 0.5)
    torch.testing.assert_close(batch.reward, batch.obs[..., 0] / 10)
    assert batch.obs[0].max() < 20
    assert 1000 <= batch.obs[1].min() <= batch.obs[1].max() < 1020
    assert set(batch.obs[0, :, 0].tolist()) != set((batch.obs[1, :, 0] - 1000).tolist())


def test_all_rows_are_drawn_and_equally_often() -> None:
    replay = numbered(capacity=50, rows=20)
    drawn = torch.cat([replay.sample(1000).obs[0, :, 0] for _ in range(20)]).to(torch.int64)
    counts = torch.bincount(drawn, minlength=20)
    assert len(counts) == 20
    assert counts.min() > 850
    assert counts.max() < 1150


def test_a_full_replay_forgets_the_oldest_rows() -> None:
    replay = numbered(capacity=8, rows=21)
    assert len(replay) == 8
    assert set(replay.sample(500).obs[0, :, 0].tolist()) == set(range(13, 21))
    with pytest.raises(ValueError, match="21 rows were added to a replay buffer of 8"):
        replay.experience(0)


def test_half_of_each_batch_are_demonstrations_and_experience_never_overwrites_them() -> None:
    replay = numbered(capacity=10, rows=0, demonstrations=6)
    shown = {name: torch.full((2, 6, size), -5.0) for name, size in (("obs", 39), ("next_obs", 39))}
    replay.set_demonstrations(shown | {"action": torch.ones(2, 6, 4), "reward": torch.full((2, 6, 1), 7.0)})
    for _ in range(25):
        replay.add(torch.ones(2, 39), torch.zeros(2, 4), torch.zeros(2), torch.ones(2, 39))
    batch = replay.sample(31)
    demonstrated = batch.obs[..., 0] == -5.0
    assert demonstrated.sum(1).tolist() == [15, 15]
    assert (batch.reward[demonstrated] == 7.0).all()
    assert (batch.obs[~demonstrated] == 1.0).all()


def test_experience_comes_back_in_order_with_success() -> None:
    columns = numbered(capacity=50, rows=20, demonstrations=3).experience(1)
    assert columns["obs"][:, 0].tolist() == [1000.0 + k for k in range(20)]
    assert columns["success"].flatten().tolist() == [0.0] * 20


def test_what_a_learner_draws_does_not_depend_on_the_others() -> None:
    together, alone = filled_replay([1, 2, 3]), filled_replay([3])
    for _ in range(3):
        grouped, own = together.sample(8), alone.sample(8)
        assert torch.equal(grouped.obs[2], own.obs[0])
        assert torch.equal(grouped.reward[2], own.reward[0])


@pytest.mark.parametrize(("capacity", "rows"), [(50, 20), (50, 0), (8, 21), (1, 1)])
def test_a_restored_replay_is_the_same_and_draws_the_same(capacity: int, rows: int) -> None:
    original = numbered(capacity, rows, demonstrations=4)
    shown = {name: torch.randn(2, 4, 39) for name in ("obs", "next_obs")}
    original.set_demonstrations(shown | {"action": torch.zeros(2, 4, 4), "reward": torch.ones(2, 4, 1)})
    state = original.state_dict()
    restored = ReplayBuffer(capacity, generators([8, 9]), demonstrations=4)
    restored.load_state_dict(state)
    for replay in (original, restored):
        replay.add(torch.zeros(2, 39), torch.zeros(2, 4), torch.zeros(2), torch.ones(2, 39))
    for name in ("obs", "action", "reward", "next_obs", "bonus"):
        a, b = original.sample(32), restored.sample(32)
        assert torch.equal(getattr(a, name), getattr(b, name))


def test_frames_shared_by_neighbours_are_stored_once() -> None:
    replay = ReplayBuffer(100, generators([1]))
    frames = torch.randn(102, 1, 39)
    for episode in range(2):
        for k in range(50):
            row = episode * 51 + k
            replay.add(frames[row], torch.zeros(1, 4), torch.zeros(1), frames[row + 1])
    state = replay.state_dict()
    assert state["breaks"].tolist() == [49, 99]
    restored = ReplayBuffer(100, generators([1]))
    restored.load_state_dict(state)
    assert torch.equal(restored.experience(0)["next_obs"], replay.experience(0)["next_obs"])


def test_learners_that_stay_draw_on_as_before() -> None:
    replay, cut = numbered(50, 20), numbered(50, 20)
    cut.keep([1])
    assert torch.equal(cut.sample(16).obs[0], replay.sample(16).obs[1])
