"""An expert that succeeds often enough stops; the others go on exactly as if it had not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from unit_trainer.exact_states import assert_equal

from collectiverun_trainer.config import EnvironmentSettings, ExpertsParams, Task
from collectiverun_trainer.experts.training import expert_learning
from collectiverun_trainer.learning.off_policy import OffPolicyLearning
from collectiverun_trainer.learning.seeded_task import seeded
from collectiverun_trainer.order import Success

CPU = torch.device("cpu")
TASKS = seeded((Task(env="reach-v3"), Task(env="drawer-close-v3"), Task(env="push-v3")), [1])
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


def begun(episodes: int = 2) -> OffPolicyLearning:
    """A learning with some episodes behind it."""
    learning = expert_learning(TASKS, SETTINGS, PARAMS, CPU)
    for _ in range(episodes):
        learning.run_episode()
    return learning


def succeed(learning: OffPolicyLearning, expert: int, times: int) -> None:
    """Let an expert be found perfect so many times in a row."""
    slot = learning.active.index(learning.learners[expert])
    for _ in range(times):
        learning.learners[expert].selection.offer(
            learning.env_steps, Success(any_step=1.0, at_end=1.0), learning.agent.networks_of(slot)
        )
    learning.stop_finished()


def go_on(learning: OffPolicyLearning, episodes: int = 2) -> None:
    for _ in range(episodes):
        learning.run_episode()


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
    learning = begun()
    succeed(learning, expert=1, times=2)
    expert = learning.learners[1]
    actor = {name: value.clone() for name, value in expert.best("actor").items()}
    go_on(learning)
    assert_equal(expert.best("actor"), actor)
    assert expert.env_steps == 40
    assert learning.learners[0].env_steps == 80
    assert expert.episodes is not None
    assert len(expert.episodes) == 2
    assert expert.episodes.goal.tolist() == expert.goals


@pytest.mark.parametrize("times", [0, 1])
def test_too_few_good_evaluations_stop_nobody(times: int) -> None:
    learning = begun()
    succeed(learning, expert=1, times=times)
    assert learning.active == learning.learners


def test_a_training_with_a_stopped_expert_resumes_exactly() -> None:
    original = begun()
    succeed(original, expert=0, times=2)
    restored = expert_learning(TASKS, SETTINGS, PARAMS, CPU)
    restored.load_state_dict(original.state_dict())
    outcomes: list[dict[str, Any]] = []
    for learning in (original, restored):
        while learning.active:
            learning.run_episode()
            if learning.evaluation_due:
                learning.evaluate()
                learning.stop_finished()
        outcomes.append({str(k): v for k, v in enumerate(e.selection.state for e in learning.learners)})
    assert_equal(outcomes[0], outcomes[1])
    samples = [[e.episodes.to_tensors()[0] for e in t.learners if e.episodes] for t in (original, restored)]
    assert len(samples[0]) == 3
    assert_equal(samples[0], samples[1])


def test_an_experts_episodes_do_not_depend_on_its_group() -> None:
    """Goals, exploration and demonstrations of reach are the same alone as with two others."""
    params = PARAMS.model_copy(update={"demonstrations": 1})
    together, alone = (expert_learning(tasks, SETTINGS, params, CPU) for tasks in (TASKS, TASKS[:1]))
    for learning in (together, alone):
        learning.demonstrate()
        learning.run_episode()
    assert together.learners[0].goals == alone.learners[0].goals
    batch, own = together.replay.sample(16), alone.replay.sample(16)
    torch.testing.assert_close(batch.obs[0], own.obs[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(batch.action[0], own.action[0], rtol=1e-4, atol=1e-6)
