"""The self-supervised losses of the trajectory transformer, each switched off by a weight of 0."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.transformer.encoder import MODALITIES, TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import SIZES
from collectiverun_trainer.transformer.sampling import Triples
from collectiverun_trainer.transformer.windows import Windows


def contrastive_loss(anchor: Tensor, positive: Tensor, group: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018, arXiv:1807.03748) of unit vectors (B, Z), in nats.

    Entry i's positive is row i of the other side; its negatives are the rows of other groups. Other rows
    of its own group are left out: they are neither.
    """
    logits = anchor @ positive.T / temperature
    same = group[:, None] == group[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -torch.inf)
    target = torch.arange(len(group), device=group.device)
    return 0.5 * (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target))


def temporal_loss(anchor: Tensor, neighbour: Tensor) -> Tensor:
    """Mean squared distance of z (B, Z) of windows that overlap or follow each other: 2 - 2 cos."""
    return (anchor - neighbour).square().sum(dim=-1).mean()


def sample_mask(mask: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Parts of tokens to mask, (B, T, 3) bool: each of the real tokens of `mask` (B, T) independently."""
    chance = torch.rand((*mask.shape, MODALITIES), generator=generator).to(mask.device)
    return (chance < probability) & mask[..., None]


class Reconstruction(nn.Module):
    """Reconstructs masked states, actions and rewards from the encoder's outputs at their decisions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in SIZES.values())

    def forward(self, tokens: Tensor, truth: tuple[Tensor, ...], masked: Tensor) -> Tensor:
        """Sum of the three modalities' mean squared errors, in units of the normalised inputs."""
        errors = [
            _mean_where(masked[:, :, kind], (head(tokens) - truth[kind]).square().mean(dim=-1))
            for kind, head in enumerate(self.heads)
        ]
        return torch.stack(errors).sum()


class Objectives(nn.Module):
    """Weighted sum of the losses that are switched on. Only reconstruction has weights of its own."""

    def __init__(self, params: TrajectoryTransformerParams) -> None:
        super().__init__()
        self.params = params
        self.reconstruction = Reconstruction(params.model_size)

    def forward(
        self, encoder: TrajectoryEncoder, triples: Triples, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Each loss that is switched on, and their weighted sum as `total`.

        Anchors have masked tokens (so one pass serves reconstruction and z); positives and neighbours are
        encoded as in rollouts.
        """
        params, losses = self.params, {}
        if params.reconstruction_weight:
            anchor, losses["reconstruction"] = self._reconstruct(encoder, triples.anchor, generator)
        else:
            anchor = encoder(triples.anchor)
        if params.contrastive_weight:
            losses["contrastive"] = contrastive_loss(
                anchor, encoder(triples.positive), triples.group, params.contrastive_temperature
            )
        if params.temporal_weight:
            losses["temporal"] = temporal_loss(anchor, encoder(triples.neighbour))
        losses["total"] = self._total(losses)
        return losses

    def _reconstruct(
        self, encoder: TrajectoryEncoder, anchor: Windows, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        masked = sample_mask(anchor.mask, self.params.mask_probability, generator)
        z, tokens = encoder.encode(anchor, masked)
        return z, self.reconstruction(tokens, encoder.normaliser(anchor), masked)

    def _total(self, losses: dict[str, Tensor]) -> Tensor:
        weights = {
            "contrastive": self.params.contrastive_weight,
            "reconstruction": self.params.reconstruction_weight,
            "temporal": self.params.temporal_weight,
        }
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def _mean_where(mask: Tensor, values: Tensor) -> Tensor:
    """Mean of the values where the mask is true; 0 if it never is."""
    return (values * mask).sum() / mask.sum().clamp_min(1)
