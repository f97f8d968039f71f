"""The gradient steps of the collective network: exact when saved."""

from __future__ import annotations

import torch
from torch import Tensor
from unit_trainer.exact_states import assert_equal

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import CollectiveLossParams
from collectiverun_trainer.distillation.distiller import Distiller
from collectiverun_trainer.distillation.rows import row_width

TASKS, ROWS, EMBEDDING = 3, 12, 4


def batch(seed: int) -> Tensor:
    """Packed rows; some labels lie beyond what the losses clamp."""
    rows = torch.randn(TASKS, ROWS, row_width(EMBEDDING), generator=torch.Generator().manual_seed(seed))
    return rows * torch.linspace(0.2, 3.0, ROWS)[:, None]


def a_distiller() -> Distiller:
    network = CollectiveNetwork(EMBEDDING, (24, 16, 24), torch.Generator().manual_seed(1))
    made = Distiller(network, CollectiveLossParams(), critics=True)
    made.q_scale = QScale(torch.tensor([1.0, -2.0, 0.0]), torch.tensor([2.0, 0.5, 1.0]))
    return made


def test_a_restored_distiller_goes_on_bit_for_bit() -> None:
    original, restored = a_distiller(), a_distiller()
    original.learn(batch(0))
    restored.load_state_dict(original.state_dict())
    for each in (original, restored):
        each.learn(batch(1))
    assert_equal(original.weights_state()["network"], restored.weights_state()["network"])
    start = a_distiller().weights_state()["network"]
    moved = original.weights_state()["network"]
    assert not any(torch.equal(moved[name], start[name]) for name in start)
