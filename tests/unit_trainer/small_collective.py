"""A small collective with random weights, for tests of how it acts and travels."""

from __future__ import annotations

import torch

from collectiverun_trainer.collective.network import CollectiveNetwork
from collectiverun_trainer.collective.policy import Collective
from collectiverun_trainer.collective.q_scale import QScale
from collectiverun_trainer.config import Task, TrajectoryTransformerParams
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser

TASKS = (Task(env="reach-v3"), Task(env="push-v3"), Task(env="door-open-v3"))


def small_collective(q_scale: bool = True) -> Collective:
    """Two hidden layers of 16, z of 4 numbers, a window of 5 decisions, three tasks."""
    torch.manual_seed(0)
    params = TrajectoryTransformerParams(
        window=5, embedding_size=4, model_size=8, heads=2, layers=2, feedforward_size=16
    )
    encoder = TrajectoryEncoder(params, Normaliser()).eval().requires_grad_(False)
    network = CollectiveNetwork(4, (16, 16), torch.Generator().manual_seed(1))
    scale = QScale(torch.tensor([10.0, -3.0, 0.0]), torch.tensor([2.0, 0.5, 1.0]))
    return Collective(network, encoder, TASKS, scale if q_scale else None)
