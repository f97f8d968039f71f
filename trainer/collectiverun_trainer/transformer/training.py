"""Training of the trajectory transformer: gradient steps, validation, early stop, state.

All randomness comes from generators seeded by (run's seed, phase, purpose), and all state goes through
`state_dict`, so that a resumed training gives the same bits as an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.sac.optimiser import AdamW
from collectiverun_trainer.seeding import generator_state, restore_generator, torch_generator
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser
from collectiverun_trainer.transformer.objectives import Objectives
from collectiverun_trainer.transformer.sampling import TripleSampler

PHASE = "trajectoryTransformer"
VALIDATION_BATCHES = 8
MIN_DELTA = 0.01
"""Relative decrease of the validation loss that counts as improvement for early stopping."""
MAX_GRAD_NORM = 1.0
"""Norm to which gradients are clipped."""


class EncoderTraining:
    """Encoder, losses, optimiser and sampler; the best encoder by the loss on held-out episodes."""

    def __init__(
        self, episodes: Episodes, params: TrajectoryTransformerParams, seed: int, device: torch.device
    ) -> None:
        self.params = params
        self.gradient_steps = 0
        self.best_gradient_steps = 0
        self._seed = seed
        training, validation = episodes.training_part(), episodes.validation_part()
        encoder, objectives = initial_networks(params, Normaliser.fit(training), seed)
        self.encoder, self.objectives = encoder.to(device), objectives.to(device)
        self._optimiser = AdamW(self._parameters(), lr=params.learning_rate, fused=True)
        self._generators = {name: self._generator(name) for name in ("sampling", "hiding")}
        self._sampler = TripleSampler(_on(device, training), params, self._generators["sampling"])
        self._dropout_seed = self._generator("dropout").initial_seed()
        held_out = TripleSampler(_on(device, validation), params, self._generator("validation"))
        self._validation = [held_out.draw(params.batch_size) for _ in range(VALIDATION_BATCHES)]
        self._best_loss = self._patience_loss = math.inf
        self._without_improvement = 0
        self._best = _copy(self.encoder.state_dict())

    @property
    def validation_due(self) -> bool:
        """Whether the last gradient step is followed by a validation."""
        steps, params = self.gradient_steps, self.params
        return steps % params.evaluation_every_gradient_steps == 0 or steps >= params.gradient_steps

    @property
    def done(self) -> bool:
        """Whether all gradient steps have been taken or patience is exhausted."""
        return (
            self.gradient_steps >= self.params.gradient_steps
            or self._without_improvement >= self.params.patience
        )

    def step(self) -> dict[str, Tensor]:
        """One gradient step; the losses before it."""
        # Dropout uses torch's global generator; seeded at every step, it needs no place in a checkpoint.
        torch.manual_seed(self._dropout_seed + self.gradient_steps)
        self.encoder.train()
        triples = self._sampler.draw(self.params.batch_size)
        losses = self.objectives(self.encoder, triples, self._generators["hiding"])
        self._optimiser.zero_grad()
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self._parameters(), MAX_GRAD_NORM)
        self._optimiser.step()
        self.gradient_steps += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def validate(self) -> dict[str, float]:
        """Losses on held-out triples, the same each time, no dropout; keeps the encoder if it is the best."""
        hiding = self._generator("validation-hiding")
        self.encoder.eval()
        with torch.no_grad():
            batches = [self.objectives(self.encoder, triples, hiding) for triples in self._validation]
        losses = {name: float(torch.stack([batch[name] for batch in batches]).mean()) for name in batches[0]}
        self._record(losses["total"])
        return losses

    def best_encoder(self) -> TrajectoryEncoder:
        """The encoder as it was at its best validation, for inference."""
        self.encoder.load_state_dict(self._best)
        return self.encoder.eval().requires_grad_(False)

    def state_dict(self) -> dict[str, Any]:
        """Everything a checkpoint needs."""
        return {
            "gradient_steps": self.gradient_steps,
            "encoder": self.encoder.state_dict(),
            "objectives": self.objectives.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generators": {name: generator_state(stream) for name, stream in self._generators.items()},
            "best": self._best,
            "best_gradient_steps": self.best_gradient_steps,
            "judgement": [self._best_loss, self._patience_loss, self._without_improvement],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.gradient_steps = state["gradient_steps"]
        self.encoder.load_state_dict(state["encoder"])
        self.objectives.load_state_dict(state["objectives"])
        self._optimiser.load_state_dict(state["optimiser"])
        for name, stream in self._generators.items():
            restore_generator(stream, state["generators"][name])
        self._best = _copy(state["best"])
        self.best_gradient_steps = state["best_gradient_steps"]
        self._best_loss, self._patience_loss, self._without_improvement = state["judgement"]

    def _record(self, loss: float) -> None:
        if loss < self._best_loss:
            self._best_loss, self.best_gradient_steps = loss, self.gradient_steps
            self._best = _copy(self.encoder.state_dict())
        if loss < self._patience_loss * (1.0 - MIN_DELTA):
            self._patience_loss, self._without_improvement = loss, 0
        else:
            self._without_improvement += 1

    def _parameters(self) -> list[nn.Parameter]:
        return [*self.encoder.parameters(), *self.objectives.parameters()]

    def _generator(self, purpose: str) -> torch.Generator:
        return torch_generator(self._seed, PHASE, None, purpose)


def initial_networks(
    params: TrajectoryTransformerParams, normaliser: Normaliser, seed: int
) -> tuple[TrajectoryEncoder, Objectives]:
    """Encoder and heads before the first gradient step; a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_generator(seed, PHASE, None, "weights").initial_seed())
        return TrajectoryEncoder(params, normaliser), Objectives(params)


def _on(device: torch.device, episodes: Episodes) -> Episodes:
    """Episodes whose windows are taken on a device."""
    names = ("obs", "action", "reward", "episode_start")
    return replace(episodes, **{name: getattr(episodes, name).to(device) for name in names})


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in state.items()}
