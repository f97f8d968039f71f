"""The encoder: the same function as torch's transformer, blind to padding, sound on an empty history."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import StorageOptions
from collectiverun_trainer.policy_files.collectives import load_encoder, save_encoder
from collectiverun_trainer.transformer.encoder import Block, TrajectoryEncoder
from collectiverun_trainer.transformer.normaliser import MAX_VALUE, MIN_SPREAD, Normaliser
from collectiverun_trainer.transformer.windows import Windows, windows

PARAMS = TrajectoryTransformerParams(window=6, model_size=16, heads=2, feedforward_size=24, dropout=0.2)
EPISODES = recorded([9, 12, 30], [0, 1, 2])


@pytest.fixture
def encoder() -> TrajectoryEncoder:
    torch.manual_seed(0)
    return TrajectoryEncoder(PARAMS, Normaliser.fit(EPISODES)).eval()


def all_windows() -> Windows:
    return windows(EPISODES, torch.arange(EPISODES.rows), PARAMS.window)


def test_a_block_is_torchs_pre_norm_layer() -> None:
    torch.manual_seed(1)
    block = Block(PARAMS).eval()
    layer = nn.TransformerEncoderLayer(16, 2, 24, activation="gelu", batch_first=True, norm_first=True).eval()
    norm, widen, _, narrow = block.feedforward
    attention = layer.self_attn
    attention.in_proj_weight.data = torch.cat([block.query.weight, block.key_value.weight]).detach()
    attention.in_proj_bias.data = torch.randn(48)
    block.query.bias.data, block.key_value.bias.data = attention.in_proj_bias.data.split((16, 32))
    pairs = [(attention.out_proj, block.merge), (layer.linear1, widen), (layer.linear2, narrow)]
    pairs += [(layer.norm1, block.attention_norm), (layer.norm2, norm)]
    for theirs, ours in pairs:
        theirs.load_state_dict(ours.state_dict())
    tokens, real = torch.randn(4, 7, 16), torch.rand(4, 7) < 0.6
    real[:, -1] = True
    expected = layer(tokens, src_key_padding_mask=~real)
    torch.testing.assert_close(block(tokens, real), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block(tokens, real, only_last=True), expected[:, -1:], rtol=1e-4, atol=1e-5)


def test_embeddings_have_length_one_and_tell_windows_apart(encoder: TrajectoryEncoder) -> None:
    z = encoder.embed(all_windows())
    assert z.shape == (EPISODES.rows, PARAMS.embedding_size)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))
    assert len(z.unique(dim=0)) == EPISODES.rows - 2  # the three empty histories share one


def test_an_empty_history_gives_one_sound_embedding(encoder: TrajectoryEncoder) -> None:
    z = encoder.embed(windows(EPISODES, EPISODES.episode_start, PARAMS.window))
    assert z.isfinite().all()
    assert torch.equal(z[0], z[1])
    assert torch.equal(z[0], z[2])


def test_padding_is_never_looked_at(encoder: TrajectoryEncoder) -> None:
    honest = all_windows()
    blank = (~honest.mask[:, :, None]).float()
    spoilt = replace(
        honest,
        state=honest.state + 7.0 * blank,
        action=honest.action - blank,
        reward=honest.reward + blank,
    )
    assert not torch.equal(spoilt.state, honest.state)
    assert torch.equal(encoder.embed(spoilt), encoder.embed(honest))


@pytest.mark.parametrize("what", ["state", "action", "reward"])
def test_every_part_of_a_token_counts(encoder: TrajectoryEncoder, what: str) -> None:
    seen = all_windows()[20:]
    changed = replace(seen, **{what: getattr(seen, what) * 0.5})
    assert not torch.allclose(encoder.embed(changed), encoder.embed(seen), atol=1e-4)


def test_the_order_of_decisions_counts(encoder: TrajectoryEncoder) -> None:
    seen = all_windows()[-5:]
    turned = Windows(*(value.flip(1) for value in vars(seen).values()))
    assert not torch.allclose(encoder.embed(turned), encoder.embed(seen), atol=1e-4)


def test_the_short_cut_of_the_last_layer_changes_nothing(encoder: TrajectoryEncoder) -> None:
    seen = all_windows()
    nothing = torch.zeros(*seen.mask.shape, 3, dtype=torch.bool)
    z, tokens = encoder.encode(seen, nothing)
    assert tokens.shape == (len(seen), PARAMS.window, PARAMS.model_size)
    torch.testing.assert_close(encoder(seen), z, rtol=1e-4, atol=1e-5)


def test_hidden_parts_do_not_leak(encoder: TrajectoryEncoder) -> None:
    seen = all_windows()[-8:]
    hidden = torch.zeros(*seen.mask.shape, 3, dtype=torch.bool)
    hidden[:, 2, 0] = hidden[:, 4, 2] = True
    state, reward = seen.state.clone(), seen.reward.clone()
    state[:, 2], reward[:, 4] = 0.3, 9.0
    changed = replace(seen, state=state, reward=reward)
    for one, other in zip(encoder.encode(seen, hidden), encoder.encode(changed, hidden), strict=True):
        assert torch.equal(one, other)


def test_embed_ignores_dropout_and_gives_plain_tensors(encoder: TrajectoryEncoder) -> None:
    seen = all_windows()
    expected = encoder.embed(seen)
    encoder.train()
    z = encoder.embed(seen)
    assert torch.equal(z, expected)
    assert encoder.training
    assert not z.requires_grad
    weight = torch.ones(PARAMS.embedding_size, requires_grad=True)
    (z * weight).sum().backward()
    torch.testing.assert_close(weight.grad, z.sum(0))


def test_many_windows_embed_as_they_do_one_by_one(encoder: TrajectoryEncoder) -> None:
    many = windows(EPISODES, torch.arange(EPISODES.rows).repeat(12), PARAMS.window)
    alone = torch.cat([encoder.embed(many[k : k + 1]) for k in range(0, len(many), 40)])
    torch.testing.assert_close(encoder.embed(many)[::40], alone, rtol=1e-4, atol=1e-5)


def test_statistics_are_pooled_over_all_tasks() -> None:
    normaliser = Normaliser.fit(EPISODES)
    torch.testing.assert_close(normaliser.get_buffer("action_mean"), EPISODES.action.mean(0))
    spread = EPISODES.reward.std(0, correction=0)
    torch.testing.assert_close(normaliser.get_buffer("reward_spread"), spread)
    turned = replace(EPISODES, task=EPISODES.task.flip(0))
    for name, values in Normaliser.fit(turned).state_dict().items():
        assert torch.equal(values, normaliser.get_buffer(name)), name


def test_fixed_features_and_outliers_stay_small() -> None:
    still = replace(EPISODES, reward=torch.full_like(EPISODES.reward, 5.0))
    normaliser = Normaliser.fit(still)
    assert normaliser.get_buffer("reward_spread").item() == pytest.approx(MIN_SPREAD)
    _, _, reward = normaliser(all_windows())
    assert reward.abs().max() == MAX_VALUE


def test_a_saved_encoder_comes_back_bit_for_bit(encoder: TrajectoryEncoder) -> None:
    artifact = _saved(encoder, "memory://encoder-round-trip")
    loaded = load_encoder(artifact, torch.device("cpu"))
    assert loaded.params == PARAMS
    assert torch.equal(loaded.embed(all_windows()), encoder.embed(all_windows()))
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert not loaded.training


def test_weights_of_another_size_are_refused_with_the_address(encoder: TrajectoryEncoder) -> None:
    encoder.params = PARAMS.model_copy(update={"window": 9})
    artifact = _saved(encoder, "memory://encoder-of-another-size")
    with pytest.raises(InputInvalid, match="encoder-of-another-size"):
        load_encoder(artifact, torch.device("cpu"))


def _saved(encoder: TrajectoryEncoder, uri: str) -> Artifact:
    storage = Storage(StorageOptions())
    writer = ArtifactWriter(storage, uri)
    save_encoder(writer, encoder)
    writer.commit({})
    return Artifact.open(storage, uri)
