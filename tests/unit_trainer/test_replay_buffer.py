"""The packed replay: own draws, true next observations, demonstrations in half of each batch, exact state."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from unit_trainer.random_transitions import filled_replay, generators

from collectiverun_trainer.replay.buffer import ReplayBuffer
from collectiverun_trainer.replay.returns import Returns

ONE_STEP = Returns(horizon=2, steps=1, discount=0.5)


def numbered(capacity: int, rows: int, demonstrations: int = 0, returns: Returns = ONE_STEP) -> ReplayBuffer:
    """Two learners; row k's obs is k everywhere (1000 + k of the second), next_obs half more."""
    replay = ReplayBuffer(capacity, generators([1, 2]), returns, demonstrations)
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


def test_a_full_replay_takes_no_more() -> None:
    with pytest.raises(ValueError, match="a replay buffer of 8 rows is full"):
        numbered(capacity=8, rows=9)


def demonstrated(success: list[float], returns: Returns) -> ReplayBuffer:
    """Two learners; row k of their demonstrations has obs and reward k, the first learner's success."""
    rows = len(success)
    replay = ReplayBuffer(10, generators([1, 2]), returns, rows)
    numbers = torch.arange(float(rows)).view(1, -1, 1).expand(2, -1, -1)
    succeeded = torch.stack([torch.tensor(success), torch.zeros(rows)]).unsqueeze(-1)
    obs = numbers.expand(-1, -1, 39)
    replay.set_demonstrations(
        {
            "obs": obs,
            "next_obs": obs + 0.5,
            "action": torch.ones(2, rows, 4),
            "reward": numbers,
            "success": succeeded,
        }
    )
    return replay


def test_half_of_each_batch_are_demonstrations_and_they_come_first() -> None:
    replay = demonstrated([0.0] * 6, ONE_STEP)
    for _ in range(10):
        replay.add(torch.full((2, 39), -5.0), torch.zeros(2, 4), torch.zeros(2), torch.ones(2, 39))
    batch = replay.sample(31)
    assert batch.examples == 15
    assert (batch.obs[:, :15] >= 0).all()
    assert (batch.obs[:, 15:] == -5.0).all()
    assert set(batch.obs[0, :15, 0].tolist()) == set(range(6))


@pytest.mark.parametrize(
    ("success", "kept"),
    [
        ([0, 1, 0, 0, 0, 0], [0, 1]),
        ([1, 0, 1, 1, 0, 0], [0, 1, 2, 3]),
        ([0, 0, 1, 0, 0, 1], range(6)),
    ],
)
def test_what_follows_the_last_success_of_a_demonstration_is_not_learned(
    success: list[float], kept: Sequence[int]
) -> None:
    replay = demonstrated([float(s) for s in success], Returns(horizon=3, steps=1, discount=0.5))
    batch = replay.sample(200, examples=200)
    assert set(batch.obs[0, :, 0].tolist()) == set(kept)
    assert set(batch.obs[1, :, 0].tolist()) == set(range(6))  # the second never succeeds


def test_transitions_of_several_decisions_add_up_rewards_and_end_with_their_episode() -> None:
    """Episodes of rows 0 to 3 and 4 to 7; the second episode is being played."""
    returns = Returns(horizon=4, steps=3, discount=0.5)
    batch = numbered(capacity=8, rows=6, returns=returns).sample(500)
    expected = {
        0: (0.0 + 0.5 * 0.1 + 0.25 * 0.2, 2.5, 0.125),
        1: (0.1 + 0.5 * 0.2 + 0.25 * 0.3, 3.5, 0.125),
        2: (0.2 + 0.5 * 0.3, 3.5, 0.25),
        3: (0.3, 3.5, 0.5),
        4: (0.4 + 0.5 * 0.5, 5.5, 0.25),
        5: (0.5, 5.5, 0.5),
    }
    seen = zip(
        batch.obs[0, :, 0].tolist(),
        batch.reward[0].tolist(),
        batch.next_obs[0, :, 0].tolist(),
        batch.discount[0].tolist(),
        strict=True,
    )
    found = {int(obs): values for obs, *values in seen}
    assert found == {row: pytest.approx(values) for row, values in expected.items()}


def test_demonstrated_transitions_of_several_decisions_end_with_the_last_success() -> None:
    replay = demonstrated([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], Returns(horizon=3, steps=3, discount=0.5))
    batch = replay.sample(100, examples=100)
    first = batch.obs[0, :, 0] == 0
    assert torch.equal(batch.reward[0, first].unique(), torch.tensor([0.0 + 0.5 * 1.0]))
    assert torch.equal(batch.next_obs[0, first, 0].unique(), torch.tensor([1.5]))


@pytest.mark.parametrize("taken", ["as played", "restored", "kept"])
def test_own_episodes_that_end_in_success_become_examples(taken: str) -> None:
    """The first learner's second episode does, its third only begins; the other learner's never do."""
    replay = demonstrated([0.0] * 3, Returns(horizon=3, steps=1, discount=0.5))
    for k in range(8):
        succeeded = torch.tensor([1.0 if k in (0, 4, 5, 7) else 0.0, 0.0])
        replay.add(
            torch.full((2, 39), 10.0 + k),
            torch.zeros(2, 4),
            torch.zeros(2),
            torch.zeros(2, 39),
            success=succeeded,
        )
    if taken == "restored":
        state, replay = replay.state_dict(), demonstrated([0.0] * 3, replay.returns)
        replay.load_state_dict(state)
    elif taken == "kept":
        replay.keep([0, 1])
    batch = replay.sample(300, examples=300)
    assert set(batch.obs[0, :, 0].tolist()) == {0, 1, 2, 13, 14, 15}
    assert set(batch.obs[1, :, 0].tolist()) == {0, 1, 2}


def test_experience_comes_back_in_order_with_success() -> None:
    columns = numbered(capacity=50, rows=20, demonstrations=4).experience(1)
    assert columns["obs"][:, 0].tolist() == [1000.0 + k for k in range(20)]
    assert columns["success"].flatten().tolist() == [0.0] * 20


def test_what_a_learner_draws_does_not_depend_on_the_others() -> None:
    together, alone = filled_replay([1, 2, 3]), filled_replay([3])
    for _ in range(3):
        grouped, own = together.sample(8), alone.sample(8)
        assert torch.equal(grouped.obs[2], own.obs[0])
        assert torch.equal(grouped.reward[2], own.reward[0])


@pytest.mark.parametrize(("capacity", "rows"), [(50, 20), (50, 0), (22, 21), (2, 1)])
def test_a_restored_replay_is_the_same_and_draws_the_same(capacity: int, rows: int) -> None:
    original = numbered(capacity, rows, demonstrations=4)
    shown = {name: torch.randn(2, 4, 39) for name in ("obs", "next_obs")}
    original.set_demonstrations(shown | {"action": torch.zeros(2, 4, 4), "reward": torch.ones(2, 4, 1)})
    state = original.state_dict()
    restored = ReplayBuffer(capacity, generators([8, 9]), ONE_STEP, demonstrations=4)
    restored.load_state_dict(state)
    for replay in (original, restored):
        replay.add(torch.zeros(2, 39), torch.zeros(2, 4), torch.zeros(2), torch.ones(2, 39))
    for name in ("obs", "action", "reward", "next_obs", "bonus"):
        a, b = original.sample(32), restored.sample(32)
        assert torch.equal(getattr(a, name), getattr(b, name))


def test_frames_shared_by_neighbours_are_stored_once() -> None:
    replay = ReplayBuffer(100, generators([1]), ONE_STEP)
    frames = torch.randn(102, 1, 39)
    for episode in range(2):
        for k in range(50):
            row = episode * 51 + k
            replay.add(frames[row], torch.zeros(1, 4), torch.zeros(1), frames[row + 1])
    state = replay.state_dict()
    assert state["breaks"].tolist() == [49, 99]
    restored = ReplayBuffer(100, generators([1]), ONE_STEP)
    restored.load_state_dict(state)
    assert torch.equal(restored.experience(0)["next_obs"], replay.experience(0)["next_obs"])


def test_learners_that_stay_draw_on_as_before() -> None:
    replay, cut = numbered(50, 20), numbered(50, 20)
    cut.keep([1])
    assert torch.equal(cut.sample(16).obs[0], replay.sample(16).obs[1])
