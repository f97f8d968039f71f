"""An expert that succeeds often enough stops; the others go on exactly as if it had not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from unit_trainer.exact_states import assert_equal

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.learning.off_policy import ExpertTraining
from collectiverun_trainer.order import Success

TASKS = (Task(env="reach-v3"), Task(env="drawer-close-v3"), Task(env="push-v3"))
SETTINGS = EnvironmentSettings(horizon_env_steps=20, action_repeat=2, goals=4)
PARAMS = ExpertsParams(
    hidden_sizes=(32, 32),
    batch_size=16,
    random_env_steps=20,
    total_env_steps=120,
    selection_episodes=2,
    distill_episodes=3,
    stop_at_success=0.9,
    stop_patience=2,
)


def begun(episodes: int = 2) -> ExpertTraining:
    """A training with some episodes behind it."""
    training = ExpertTraining(TASKS, SETTINGS, PARAMS, seed=1)
    for _ in range(episodes):
        training.run_episode()
    return training


def succeed(training: ExpertTraining, expert: int, times: int) -> None:
    """Let an expert be found perfect so many times in a row."""
    slot = training.active.index(training.experts[expert])
    for _ in range(times):
        training.experts[expert].selection.offer(
            training.env_steps, Success(any_step=1.0, at_end=1.0), training.networks_of(slot)
        )
    training.retire()


def go_on(training: ExpertTraining, episodes: int = 2) -> None:
    for _ in range(episodes):
        training.run_episode()


def test_the_others_bits_are_those_of_a_run_in_which_nobody_stops() -> None:
    stopped, whole = begun(), begun()
    succeed(stopped, expert=1, times=2)
    assert [expert.task for expert in stopped.active] == [TASKS[0], TASKS[2]]
    go_on(stopped)
    go_on(whole)
    whole.agent.keep([0, 2])
    assert_equal(stopped.agent.state_dict(), whole.agent.state_dict())
    for slot, place in ((0, 0), (1, 2)):
        assert_equal(stopped.replay.experience(slot), whole.replay.experience(place))


def test_a_stopped_expert_keeps_its_networks_and_its_episodes() -> None:
    training = begun()
    succeed(training, expert=1, times=2)
    expert = training.experts[1]
    actor = {name: value.clone() for name, value in expert.best("actor").items()}
    go_on(training)
    assert_equal(expert.best("actor"), actor)
    assert expert.env_steps == 40
    assert training.experts[0].env_steps == 80
    assert expert.training is not None
    assert len(expert.training) == 2
    assert expert.training.goal.tolist() == expert.episode_goals


@pytest.mark.parametrize("times", [0, 1])
def test_too_few_good_evaluations_stop_nobody(times: int) -> None:
    training = begun()
    succeed(training, expert=1, times=times)
    assert training.active == training.experts


def test_a_training_with_a_stopped_expert_resumes_exactly() -> None:
    original = begun()
    succeed(original, expert=0, times=2)
    restored = ExpertTraining(TASKS, SETTINGS, PARAMS, seed=1)
    restored.load_state_dict(original.state_dict())
    outcomes: list[dict[str, Any]] = []
    for training in (original, restored):
        while training.active:
            training.run_episode()
            if training.evaluation_due:
                training.evaluate()
                training.retire()
        outcomes.append({str(k): v for k, v in enumerate(e.selection.state for e in training.experts)})
    assert_equal(outcomes[0], outcomes[1])
    samples = [[e.training.to_tensors()[0] for e in t.experts if e.training] for t in (original, restored)]
    assert len(samples[0]) == 3
    assert_equal(samples[0], samples[1])


def test_an_experts_episodes_do_not_depend_on_its_group() -> None:
    """Goals, exploration and demonstrations of reach are the same alone as with two others."""
    params = PARAMS.model_copy(update={"demonstrations": 1})
    together, alone = (ExpertTraining(tasks, SETTINGS, params, seed=1) for tasks in (TASKS, TASKS[:1]))
    for training in (together, alone):
        training.demonstrate()
        training.run_episode()
    assert together.experts[0].episode_goals == alone.experts[0].episode_goals
    batch, own = together.replay.sample(16), alone.replay.sample(16)
    torch.testing.assert_close(batch.obs[0], own.obs[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(batch.action[0], own.action[0], rtol=1e-4, atol=1e-6)
