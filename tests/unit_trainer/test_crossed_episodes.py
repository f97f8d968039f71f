"""Episodes in which what is done does not tell the task."""

from __future__ import annotations

import numpy as np
import torch

from collectiverun_trainer.config import EnvironmentSettings, Task
from collectiverun_trainer.environments.observation import Array, Integers
from collectiverun_trainer.experts.crossed import TURN_DECISIONS, CrossedPolicy, crossed_episodes
from collectiverun_trainer.experts.stacked import ScriptedExperts

TASKS = (Task(env="reach-v3"), Task(env="drawer-close-v3"))
SETTINGS = EnvironmentSettings(horizon_env_steps=20, goals=3)


class Constant:
    """Experts 0, 1, 2 always mean the actions 0.0, 0.4 and 0.8, nearly without spread."""

    has_critic = False

    def gaussian(self, task_index: Integers, obs: Array) -> tuple[torch.Tensor, torch.Tensor]:
        action = torch.from_numpy(task_index * 0.4).float()[:, None].expand(-1, 4)
        return torch.atanh(action), torch.full((len(obs), 4), -12.0)


def actions(decisions: int) -> Array:
    """(decisions, rows, 4)."""
    policy = CrossedPolicy(Constant(), 3, np.random.default_rng(0))  # type: ignore[arg-type]
    policy.begin(200)
    return np.stack([policy.act(np.zeros((200, 39), np.float32)) for _ in range(decisions)])


def test_every_expert_and_chance_act_equally_often_in_every_row() -> None:
    first = actions(800)[:, :, 0]
    shares = [float((abs(first - mean) < 1e-3).mean()) for mean in (0.0, 0.4, 0.8)]
    assert np.allclose(shares, 0.25, atol=0.02)
    assert ((abs(first) < 1e-3).mean(0) > 0).mean() > 0.99


def test_turns_have_the_length_that_is_said() -> None:
    by_second = abs(actions(2000)[:, :, 0] - 0.4) < 1e-3
    ends = (by_second[:-1] & ~by_second[1:]).sum()
    # A turn of the same actor may follow: one in four.
    assert np.isclose(by_second.sum() / ends, TURN_DECISIONS * 4 / 3, rtol=0.05)


def test_episodes_are_of_every_task_on_its_goals_and_unlike_each_other() -> None:
    played = crossed_episodes(ScriptedExperts(TASKS), TASKS, SETTINGS, 4, np.random.default_rng(0))
    assert played.tasks == TASKS
    assert played.task.tolist() == [0] * 4 + [1] * 4
    assert set(played.lengths.tolist()) == {SETTINGS.horizon}
    assert int(played.goal.max()) < SETTINGS.goals
    assert played.action.isfinite().all()
    starts = played.action[played.episode_start]
    assert len({tuple(action) for action in starts.tolist()}) == 8
