"""Meta-World's scripted policies answer and leave what they are given as it is."""

import numpy as np
import pytest

from collectiverun_trainer.config import TASK_NAMES, Task
from collectiverun_trainer.environments.factory import begin_episode, make_environment
from collectiverun_trainer.environments.goals import goal_vectors
from collectiverun_trainer.environments.scripted import scripted_action


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_script_does_not_move_what_its_caller_observed(name: str) -> None:
    task = Task(env=name)
    obs = begin_episode(make_environment(task), goal_vectors(task, 0, 1)[0]).astype(np.float64)
    before = obs.copy()
    action = scripted_action(task, obs)
    np.testing.assert_array_equal(obs, before)
    np.testing.assert_array_equal(action, scripted_action(task, before))
