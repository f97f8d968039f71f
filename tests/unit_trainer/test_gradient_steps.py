"""The step by hand and the step by autograd: equal losses, gradients and moves, on any number of threads."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from unit_trainer.exact_states import assert_equal
from unit_trainer.random_transitions import agent, generators

from collectiverun_trainer.config import SACParams
from collectiverun_trainer.sac.autograd_step import AutogradStep
from collectiverun_trainer.sac.batch import BOTH, Batch, Emphasis
from collectiverun_trainer.sac.numpy_step import NumpyStep
from collectiverun_trainer.sac.stack import Stack

SIZES = [(32, 32), (24,), (16, 32, 8)]


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def a_stack(params: SACParams, seeds: list[int], log_std_scale: float = 1.0) -> Stack:
    """Networks; with a large scale some of the actors' log deviations are outside their bounds."""
    stack = Stack(len(seeds), 39, params, torch.device("cpu"), generators(seeds))
    with torch.no_grad():
        stack.parameters["actor"][-2][..., 4:].mul_(log_std_scale)
    return stack


def transitions(seeds: list[int], rows: int = 20) -> tuple[Batch, Tensor]:
    """A batch and its noise, each expert's from its own seed."""
    drawn = torch.stack([torch.randn(rows, 91, generator=g) for g in generators(seeds)])
    obs, next_obs, action, reward, noise = drawn.split([39, 39, 4, 1, 8], -1)
    discount = torch.where(torch.arange(rows) % 3 == 0, 0.5, 0.9).expand(len(seeds), rows)
    batch = Batch(obs, torch.tanh(action), reward.squeeze(-1), next_obs, discount, examples=rows // 2)
    noise = 0.2 * noise  # so that few actions saturate: there, float32 knows their density to 1e-2 only
    return batch, noise.unflatten(-1, (2, 4)).transpose(1, 2)


@pytest.mark.parametrize("hidden_sizes", SIZES)
@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("emphasis", [BOTH, Emphasis(imitation=5.0)])
def test_both_have_the_same_losses_and_gradients(
    hidden_sizes: tuple[int, ...], layer_norm: bool, emphasis: Emphasis
) -> None:
    """Adam's first moment after its first step is a tenth of the gradient."""
    params = SACParams(hidden_sizes=hidden_sizes, critic_layer_norm=layer_norm)
    by_hand, by_autograd = (a_stack(params, [1, 2, 3], log_std_scale=100.0) for _ in range(2))
    batch, noise = transitions([1, 2, 3])
    log_std = by_hand.actor(batch.obs)[..., 4:]
    assert (log_std < -5).any() and (log_std > 2).any()
    losses = NumpyStep(by_hand, params)(batch, noise, emphasis)
    torch.testing.assert_close(
        losses, AutogradStep(by_autograd, params)(batch, noise, emphasis), rtol=1e-3, atol=1e-5
    )
    for name, optimiser in by_hand.optimisers.items():
        for ours, others in zip(by_hand.parameters[name], by_autograd.parameters[name], strict=True):
            (gradient, _), (right, _) = optimiser.moments(ours), by_autograd.optimisers[name].moments(others)
            largest = float(right.abs().max())
            assert largest > 0
            torch.testing.assert_close(gradient, right, rtol=1e-3, atol=1e-4 * largest)


@pytest.mark.parametrize("step", [NumpyStep, AutogradStep])
def test_critics_can_learn_alone(step: type[NumpyStep] | type[AutogradStep]) -> None:
    """As they do beside the actor, which stays as it was."""
    params = SACParams(hidden_sizes=(16, 16), actor_average_rate=0.5)
    alone, both = (a_stack(params, [1, 2]) for _ in range(2))
    before = copy.deepcopy(alone.state_dict())
    losses = step(alone, params)(*transitions([1, 2]), Emphasis(actor=False))
    losses_of_both = step(both, params)(*transitions([1, 2]), BOTH)
    assert set(losses) == {"losses/critic", "temperature"}
    assert_equal(losses, {name: losses_of_both[name] for name in losses})
    for module in ("critics", "target_critics"):
        assert_equal(alone.state_dict()[module], both.state_dict()[module])
    for module in ("actor", "averaged_actor", "log_temperature"):
        assert_equal(alone.state_dict()[module], before[module])


def test_both_move_alike_for_many_steps() -> None:
    params, emphasis = SACParams(hidden_sizes=(32, 32), actor_average_rate=0.1), Emphasis(imitation=0.3)
    stacks = [a_stack(params, [1, 2]) for _ in range(2)]
    steps = [NumpyStep(stacks[0], params), AutogradStep(stacks[1], params)]
    for k in range(30):
        batch, noise = transitions([10 + k, 50 + k])
        for step in steps:
            step(batch, noise, emphasis)
    by_hand, by_autograd = (stack.state_dict() for stack in stacks)
    for module in ("actor", "averaged_actor", "critics", "target_critics"):
        torch.testing.assert_close(by_hand[module], by_autograd[module], rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(by_hand["log_temperature"], by_autograd["log_temperature"])
    counts = {float(moments["step"]) for part in by_hand["optimisers"].values() for moments in part}
    assert counts == {30.0}


@pytest.mark.usefixtures("two_threads")
def test_threads_do_not_change_a_bit() -> None:
    params, seeds = SACParams(), [1, 2, 3]
    stacks = [a_stack(params, seeds) for _ in range(2)]
    threaded = NumpyStep(stacks[0], params)
    torch.set_num_threads(1)
    alone = NumpyStep(stacks[1], params)
    for k in range(5):
        batch, noise = transitions([10 * seed + k for seed in seeds], rows=128)
        assert_equal(threaded(batch, noise, BOTH), alone(batch, noise, BOTH))
    assert_equal(stacks[0].state_dict(), stacks[1].state_dict())


def test_on_a_processor_the_agent_steps_by_hand() -> None:
    assert isinstance(agent([1])._step, NumpyStep)


@pytest.mark.parametrize("broken", ["actor", "critics"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_reach_the_losses(broken: str, value: float) -> None:
    """Or nobody would be told that an expert diverged."""
    params = SACParams(hidden_sizes=(16, 16))
    stack = a_stack(params, [1, 2])
    with torch.no_grad():
        stack.parameters[broken][0][0, 0, 0] = value
    losses = NumpyStep(stack, params)(*transitions([1, 2]), BOTH)
    assert not losses["losses/critic"][0].isfinite() or not losses["losses/actor"][0].isfinite()
    assert all(loss[1].isfinite() for loss in losses.values())
