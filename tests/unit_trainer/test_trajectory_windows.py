"""A window holds the last completed decisions of its own episode, however it came about."""

from __future__ import annotations

import torch
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.environments.observation import compress
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.transformer.windows import History, Windows, windows

T = 5


def assert_equal(one: Windows, other: Windows) -> None:
    for name, value in vars(one).items():
        assert torch.equal(value, vars(other)[name]), name


def test_windows_of_records_equal_the_history_during_play() -> None:
    episodes = recorded([9, 3, 12], [0, 0, 1])
    history = History(1, T)
    for start, length in zip(episodes.episode_start.tolist(), episodes.lengths.tolist(), strict=True):
        history.begin()
        for row in range(start, start + length):
            assert_equal(windows(episodes, torch.tensor([row]), T), history.windows())
            history.append(*(values[row : row + 1].numpy() for values in _seen(episodes)))


def _seen(episodes: Episodes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return episodes.obs, episodes.action, episodes.reward


def test_a_window_ends_before_its_decision_and_is_padded_on_the_left() -> None:
    episodes = recorded([9, 12], [0, 0])
    window = windows(episodes, torch.tensor([9 + 3, 9 + 11]), T)
    assert window.mask.tolist() == [[False, False, True, True, True], [True] * 5]
    assert window.action[:, :, 0].tolist() == [[0, 0, 0, 1, 2], [6, 7, 8, 9, 10]]
    assert window.reward[:, :, 0].tolist() == [[0, 0, 1, 1, 1], [1] * 5]
    assert torch.equal(window.state[1], compress(episodes.obs[15:20]))
    assert not window.state[0, :2].any()


def test_at_the_first_decision_everything_is_masked() -> None:
    episodes = recorded([4, 4], [0, 0])
    window = windows(episodes, torch.tensor([0, 4]), T)
    assert not any(value.any() for value in vars(window).values())


def test_a_window_that_was_taken_stays_as_it_was() -> None:
    episodes, history = recorded([4], [0]), History(1, T)
    history.append(*(values[:1].numpy() for values in _seen(episodes)))
    taken = history.windows()
    before = taken.action.clone()
    history.append(*(values[1:2].numpy() for values in _seen(episodes)))
    assert torch.equal(taken.action, before)
    assert history.windows().mask.sum() == 2


def test_a_reward_may_come_flat_or_as_a_column() -> None:
    episodes = recorded([6, 6], [0, 0])
    flat, column = History(2, T), History(2, T)
    for row in range(6):
        obs, action, reward = (values[row::6].numpy() for values in _seen(episodes))
        flat.append(obs, action, reward[:, 0])
        column.append(obs, action, reward)
    assert_equal(flat.windows(), column.windows())


def test_windows_are_sliced_and_joined() -> None:
    episodes = recorded([8], [0])
    whole = windows(episodes, torch.arange(8), T)
    assert len(whole) == 8
    assert_equal(Windows.concatenate([whole[:3], whole[3:]]), whole)
