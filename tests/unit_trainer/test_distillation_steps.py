"""The collective's step by hand and by autograd: equal losses, gradients, moves, on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from unit_trainer.exact_states import assert_equal

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import CollectiveLossParams
from collectiverun_trainer.distillation import distiller
from collectiverun_trainer.distillation.distiller import Distiller
from collectiverun_trainer.distillation.rows import row_width
from collectiverun_trainer.distillation.steps import AutogradStep, NumpyStep

TASKS, ROWS, EMBEDDING = 3, 12, 4


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def batch(seed: int) -> Tensor:
    """Packed rows; some labels lie beyond what the losses clamp."""
    rows = torch.randn(TASKS, ROWS, row_width(EMBEDDING), generator=torch.Generator().manual_seed(seed))
    return rows * torch.linspace(0.2, 3.0, ROWS)[:, None]


def a_distiller(params: CollectiveLossParams, critics: bool = True) -> Distiller:
    network = CollectiveNetwork(EMBEDDING, (24, 16, 24), torch.Generator().manual_seed(1))
    made = Distiller(network, params, critics)
    made.q_scale = QScale(torch.tensor([1.0, -2.0, 0.0]), torch.tensor([2.0, 0.5, 1.0]))
    return made


def both(
    monkeypatch: pytest.MonkeyPatch, params: CollectiveLossParams, critics: bool = True
) -> tuple[Distiller, Distiller]:
    by_hand = a_distiller(params, critics)
    monkeypatch.setattr(distiller, "NumpyStep", AutogradStep)
    by_autograd = a_distiller(params, critics)
    assert isinstance(by_hand._step, NumpyStep)
    assert isinstance(by_autograd._step, AutogradStep)
    return by_hand, by_autograd


@pytest.mark.parametrize("actor_loss", ["kl", "mse"])
@pytest.mark.parametrize("critics", [True, False])
def test_both_have_the_same_losses_and_gradients(
    monkeypatch: pytest.MonkeyPatch, actor_loss: str, critics: bool
) -> None:
    """Adam's first moment after its first step is a tenth of the gradient."""
    params = CollectiveLossParams.model_validate({"actor_loss": actor_loss})
    pair = both(monkeypatch, params, critics)
    for each in pair:
        each.learn(batch(0))
    losses, right = (each.read_losses() for each in pair)
    assert set(losses) == ({"losses/actor", "losses/critic"} if critics else {"losses/actor"})
    torch.testing.assert_close(losses, right, rtol=1e-4, atol=1e-5)
    moments = [[state["exp_avg"] for state in each.state_dict()["optimiser"]] for each in pair]
    for ours, others in zip(*moments, strict=True):
        largest = float(others.abs().max())
        assert largest > 0
        torch.testing.assert_close(ours, others, rtol=1e-3, atol=1e-4 * largest)


def test_both_move_alike_for_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = both(monkeypatch, CollectiveLossParams())
    start = a_distiller(CollectiveLossParams()).weights_state()["network"]
    for k in range(30):
        for each in pair:
            each.learn(batch(k))
    by_hand, by_autograd = (each.weights_state()["network"] for each in pair)
    torch.testing.assert_close(by_hand, by_autograd, rtol=1e-3, atol=2e-4)
    assert not any(torch.equal(by_hand[name], start[name]) for name in start)
    assert {float(state["step"]) for state in pair[0].state_dict()["optimiser"]} == {30.0}


@pytest.mark.usefixtures("threads")
def test_threads_do_not_change_a_bit() -> None:
    states = []
    for count in (2, 1):
        torch.set_num_threads(count)
        each = a_distiller(CollectiveLossParams())
        for k in range(5):
            each.learn(batch(k))
        states.append(each.state_dict())
    assert_equal(*({k: v for k, v in state.items() if k in ("network", "optimiser")} for state in states))


def test_a_restored_distiller_goes_on_bit_for_bit() -> None:
    original, restored = (a_distiller(CollectiveLossParams()) for _ in range(2))
    original.learn(batch(0))
    restored.load_state_dict(original.state_dict())
    for each in (original, restored):
        each.learn(batch(1))
    assert_equal(original.weights_state()["network"], restored.weights_state()["network"])
