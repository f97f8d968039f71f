"""A stack of networks computes, slice by slice, what each network would alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from unit_trainer.random_transitions import generators

from collectiverun_trainer.sac.networks import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    StackedMLP,
    TwinCritics,
    gaussian_head,
    stack,
    take,
)


def plain(network: StackedMLP, slice_: int) -> nn.Sequential:
    """The same perceptron of PyTorch's own layers."""
    parts: list[nn.Module] = []
    for layer in network.layers:
        weight, bias = layer.weight[slice_].detach(), layer.bias[slice_, 0].detach()
        linear = nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = weight.T.clone(), bias.clone()
        norm = [nn.LayerNorm(weight.shape[1], elementwise_affine=False)] if network.layer_norm else []
        parts += [linear, *norm, nn.ReLU()]
    return nn.Sequential(*parts[: -1 - int(network.layer_norm)])


@pytest.mark.parametrize("outputs", [1, 8])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_each_slice_is_a_plain_perceptron(layer_norm: bool, outputs: int) -> None:
    network = StackedMLP(3, 7, (16, 12), outputs, layer_norm, generators([1, 2, 3]))
    x = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    y = network(x)
    for slice_ in range(3):
        torch.testing.assert_close(y[slice_], plain(network, slice_)(x[slice_]))


def test_initial_weights_depend_on_the_slices_own_generator_alone() -> None:
    together = StackedMLP(3, 7, (16,), 4, generators=generators([1, 2, 3])).state_dict()
    alone = StackedMLP(1, 7, (16,), 4, generators=generators([2])).state_dict()
    assert all(torch.equal(take(together, [1])[name], alone[name]) for name in alone)
    bound = 1.0 / 7**0.5
    assert 0.8 * bound < together["layers.0.weight"].abs().max() <= bound


def test_taking_and_stacking_are_inverse() -> None:
    state = TwinCritics(3, 9, (16,), True, generators([1, 2, 3])).state_dict()
    parts = [take(state, [expert], 2) for expert in range(3)]
    assert all(torch.equal(value, state[name]) for name, value in stack(parts).items())
    assert all(len(value) == 2 for value in parts[0].values())


def test_an_experts_critics_are_its_two_slices() -> None:
    critics = TwinCritics(3, 9, (16,), True, generators([1, 2, 3]))
    alone = TwinCritics(1, 9, (16,), True)
    alone.load_state_dict(take(critics.state_dict(), [2], 2))
    obs, action = torch.randn(3, 6, 5), torch.randn(3, 6, 4)
    values = critics(obs, action)
    assert values.shape == (3, 2, 6)
    torch.testing.assert_close(alone(obs[2:], action[2:])[0], values[2])
    assert not torch.allclose(values[2, 0], values[2, 1])


def test_a_gaussians_spread_is_bounded() -> None:
    output = torch.tensor([[0.5, -0.5, 100.0, -100.0]])
    mu, log_std = gaussian_head(output)
    assert mu.tolist() == [[0.5, -0.5]]
    assert log_std.tolist() == [[LOG_STD_MAX, LOG_STD_MIN]]


@pytest.mark.parametrize("hidden", [32, 37, 256])
@pytest.mark.parametrize("others", [[0, 2, 3], [2], [4, 2]])
def test_an_experts_bits_do_not_depend_on_who_else_is_stacked(hidden: int, others: list[int]) -> None:
    """What early stopping rests on: leaving the stack must not change a bit of those who stay."""

    def gradients(slices: list[int]) -> tuple[Tensor, ...]:
        network = TwinCritics(len(slices), 43, (hidden, hidden), True, generators(slices))
        source = [torch.randn(16, 43, generator=g) for g in generators([9 + s for s in slices])]
        obs, action = torch.stack(source).split([39, 4], -1)
        loss = network(obs, action).square().mean(-1).sum()
        place = slices.index(2)
        grads = torch.autograd.grad(loss, list(network.parameters()))
        return tuple(gradient[2 * place : 2 * place + 2] for gradient in grads)

    for full, part in zip(gradients([0, 1, 2, 3, 4]), gradients(others), strict=True):
        assert torch.equal(full, part)
