"""The three losses of the trajectory transformer: their values, what they leave out, and their switches."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import Normaliser
from collectiverun_trainer.transformer.objectives import (
    Objectives,
    Reconstruction,
    contrastive_loss,
    sample_mask,
    temporal_loss,
)
from collectiverun_trainer.transformer.sampling import Triples, TripleSampler
from collectiverun_trainer.transformer.windows import windows

EPISODES = recorded([30, 20, 30, 20], [0, 0, 1, 1])
PARAMS = TrajectoryTransformerParams(window=5, model_size=16, heads=2, feedforward_size=16)


def unit(*rows: tuple[float, ...]) -> torch.Tensor:
    return functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def test_info_nce_by_hand() -> None:
    anchor, positive = unit((1, 0), (0, 1)), unit((1, 0), (1, 1))
    half = math.sqrt(0.5)
    # Rows: anchor 0 against (1, half), anchor 1 against (0, half); columns: positive 0 and 1.
    rows = [math.log(math.exp(1) + math.exp(half)) - 1, math.log(1 + math.exp(half)) - half]
    columns = [math.log(math.exp(1) + 1) - 1, math.log(2 * math.exp(half)) - half]
    expected = 0.5 * (sum(rows) / 2 + sum(columns) / 2)
    loss = contrastive_loss(anchor, positive, torch.tensor([0, 1]), 1.0)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_info_nce_is_symmetric() -> None:
    torch.manual_seed(0)
    one, other = (functional.normalize(torch.randn(12, 4), dim=1) for _ in range(2))
    group = torch.arange(12) % 3
    forth, back = contrastive_loss(one, other, group, 0.1), contrastive_loss(other, one, group, 0.1)
    torch.testing.assert_close(forth, back)


def test_entries_of_the_same_group_are_neither_positive_nor_negative() -> None:
    anchor = unit((1, 0), (1, 0.2), (0, 1)).requires_grad_()
    positive = unit((1, 0.1), (1, 0.3), (0.1, 1))
    contrastive_loss(anchor, positive, torch.tensor([0, 0, 1]), 0.1).backward()
    # The first anchor meets its own pair and the third only: the second pair adds nothing to its gradient.
    alone = unit((1, 0), (1, 0.2), (0, 1)).requires_grad_()
    logits = alone[0] @ positive[[0, 2]].T / 0.1
    (functional.cross_entropy(logits[None], torch.tensor([0])) / 6).backward()
    columns = unit((1, 0), (1, 0.2), (0, 1)).requires_grad_()
    first = columns[[0, 2]] @ positive[0] / 0.1
    third = columns @ positive[2] / 0.1
    loss = functional.cross_entropy(first[None], torch.tensor([0]))
    loss = loss + functional.cross_entropy(third[None], torch.tensor([2]))
    (loss / 6).backward()
    assert anchor.grad is not None
    assert alone.grad is not None
    assert columns.grad is not None
    torch.testing.assert_close(anchor.grad[0], alone.grad[0] + columns.grad[0])


def test_one_group_has_nothing_to_contrast() -> None:
    z = functional.normalize(torch.randn(4, 3), dim=1)
    assert contrastive_loss(z, z.flip(0), torch.zeros(4, dtype=torch.int64), 0.1).item() == 0.0


def test_temporal_loss_is_two_minus_two_cosines() -> None:
    one, other = unit((1, 0), (0, 1)), unit((1, 1), (0, -1))
    assert temporal_loss(one, one).item() == 0.0
    expected = (2 - 2 * math.sqrt(0.5) + 4) / 2
    assert temporal_loss(one, other).item() == pytest.approx(expected, abs=1e-6)


def test_only_parts_of_real_tokens_are_hidden_each_with_the_given_chance() -> None:
    mask = torch.arange(400)[:, None] % 8 < torch.arange(8)
    generator = torch.Generator().manual_seed(0)
    hidden = sample_mask(mask, 0.15, generator)
    assert not hidden[~mask].any()
    assert hidden[mask].float().mean().item() == pytest.approx(0.15, abs=0.02)
    assert torch.equal(sample_mask(mask, 1.0, generator).all(dim=2), mask)
    assert not sample_mask(mask, 0.0, generator).any()


def test_reconstruction_counts_hidden_parts_only() -> None:
    heads = Reconstruction(16)
    tokens = torch.randn(2, 5, 16)
    truth = tuple(head(tokens).detach() for head in heads.heads)
    hidden = torch.zeros(2, 5, 3, dtype=torch.bool)
    hidden[0, 1, 0] = hidden[1, 4, 0] = hidden[1, 2, 2] = True
    assert heads(tokens, truth, hidden).item() == 0.0
    truth[0][0, 1] += 1.0  # one of two hidden states, each feature off by one
    truth[2][1, 2] += 2.0  # the only hidden reward
    truth[1][:] += 100.0  # no action was hidden
    assert heads(tokens, truth, hidden).item() == pytest.approx(0.5 + 4.0, rel=1e-5)


@pytest.mark.parametrize("off", ["contrastive", "reconstruction", "temporal"])
def test_a_weight_of_zero_switches_a_loss_off(off: str) -> None:
    params = PARAMS.model_copy(update={f"{off}_weight": 0.0})
    losses = _losses(params, _triples())
    assert set(losses) == {"contrastive", "reconstruction", "temporal", "total"} - {off}
    expected = sum(getattr(params, f"{name}_weight") * losses[name] for name in losses if name != "total")
    torch.testing.assert_close(losses["total"], expected)


def test_empty_histories_learn_without_nan() -> None:
    start = windows(EPISODES, EPISODES.episode_start, PARAMS.window)
    triples = Triples(start, start, start, EPISODES.task)
    encoder, objectives = _networks(PARAMS)
    losses = objectives(encoder, triples, torch.Generator().manual_seed(0))
    losses["total"].backward()
    assert losses["total"].isfinite()
    assert losses["reconstruction"].item() == 0.0
    gradients = [p.grad for p in [*encoder.parameters(), *objectives.parameters()] if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_every_weight_of_the_encoder_learns() -> None:
    encoder, objectives = _networks(PARAMS)
    objectives(encoder, _triples(), torch.Generator().manual_seed(0))["total"].backward()
    silent = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def _triples() -> Triples:
    return TripleSampler(EPISODES, PARAMS, torch.Generator().manual_seed(0)).draw(16)


def _networks(params: TrajectoryTransformerParams) -> tuple[TrajectoryEncoder, Objectives]:
    torch.manual_seed(0)
    return TrajectoryEncoder(params, Normaliser.fit(EPISODES)), Objectives(params)


def _losses(params: TrajectoryTransformerParams, triples: Triples) -> dict[str, torch.Tensor]:
    encoder, objectives = _networks(params)
    found: dict[str, torch.Tensor] = objectives(encoder, triples, torch.Generator().manual_seed(0))
    return found
