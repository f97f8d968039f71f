"""A student that starts from the collective computes what the collective computes at that embedding."""

from __future__ import annotations

import torch
from unit_trainer.small_collective import TASKS, small_collective

from collectiverun_trainer.config import SACParams, Task
from collectiverun_trainer.sac.agent import StackedSAC
from collectiverun_trainer.students.fine_tuning import set_slice, student_actor, student_critics

PARAMS = SACParams(hidden_sizes=(16, 16))


def agent() -> StackedSAC:
    return StackedSAC(PARAMS, [torch.Generator().manual_seed(5) for _ in range(2)])


def given() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An embedding (4,), observations (12, 39) and actions (12, 4)."""
    generator = torch.Generator().manual_seed(3)
    z = torch.nn.functional.normalize(torch.randn(4, generator=generator), dim=0)
    obs, action = (torch.randn(12, size, generator=generator) for size in (39, 4))
    return z, obs, torch.tanh(action)


def test_actor_and_critics_equal_the_collective_at_the_mean_embedding() -> None:
    collective, (z, obs, action) = small_collective(), given()
    student = agent()
    for slot, task in enumerate(TASKS[:2]):
        set_slice(student, slot, student_actor(collective, z), student_critics(collective, z, task))
    rows = z.expand(len(obs), -1)
    both = obs.expand(2, -1, -1)
    mu, log_std = collective.network.gaussian(rows, obs)
    for found, wanted in zip(student.gaussian(both), (mu, log_std), strict=True):
        torch.testing.assert_close(found, wanted.expand(2, -1, -1), rtol=1e-4, atol=1e-5)
    assert collective.q_scale
    smaller = collective.network.q(rows, obs, action).amin(0)
    wanted_q = smaller * collective.q_scale.std[:2, None] + collective.q_scale.mean[:2, None]
    torch.testing.assert_close(student.q(both, action.expand(2, -1, -1)), wanted_q, rtol=1e-4, atol=1e-4)


def test_only_the_chosen_slot_changes_and_targets_follow() -> None:
    collective, (z, _, _) = small_collective(), given()
    student, untouched = agent(), agent()
    set_slice(student, 0, student_actor(collective, z), student_critics(collective, z, TASKS[0]))
    for name, value in student.actor.state_dict().items():
        assert torch.equal(value[1], untouched.actor.state_dict()[name][1])
        assert not torch.equal(value[0], untouched.actor.state_dict()[name][0])
    for name, value in student.critics.state_dict().items():
        assert torch.equal(value, student.target_critics.state_dict()[name])
        assert torch.equal(value[2:], untouched.critics.state_dict()[name][2:])


def test_an_unseen_task_gets_the_mean_scale_and_untaught_critics_none() -> None:
    z, _, _ = given()
    unseen = Task(env="drawer-close-v3")
    collective = small_collective()
    assert collective.q_scale
    critics = student_critics(collective, z, unseen)
    assert critics
    last = collective.network.critics.state_dict()["net.layers.2.weight"]
    torch.testing.assert_close(critics["net.layers.2.weight"], last * collective.q_scale.std.mean())
    assert student_critics(small_collective(q_scale=False), z, unseen) is None
