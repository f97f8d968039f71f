"""Training of the encoder keeps the best by held-out loss and depends on its seed alone."""

from __future__ import annotations

from dataclasses import replace

import torch
from unit_trainer.recorded_episodes import recorded

from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.replay.episodes import Episodes
from collectiverun_trainer.transformer.training import EncoderTraining

CPU = torch.device("cpu")
PARAMS = TrajectoryTransformerParams(
    window=5,
    model_size=16,
    heads=2,
    feedforward_size=16,
    dropout=0.1,
    batch_size=8,
    gradient_steps=12,
    evaluation_every_gradient_steps=1,
    patience=100,
)


def episodes() -> Episodes:
    made = recorded([20] * 12, [0, 1, 2] * 4)
    return replace(made, validation=(torch.arange(12) >= 6).to(torch.uint8))


def training(seed: int = 0, **changes: float) -> EncoderTraining:
    return EncoderTraining(episodes(), PARAMS.model_copy(update=changes), seed, CPU)


def totals(run: EncoderTraining) -> list[float]:
    found = []
    while not run.done:
        run.step()
        found.append(run.validate()["total"])
    return found


def test_the_best_encoder_is_kept_while_training_goes_on() -> None:
    run = training(learning_rate=0.3)
    found = totals(run)
    best = min(found)
    assert found.index(best) + 1 == run.best_gradient_steps < 12
    kept = run.best_encoder().state_dict()
    again = training(learning_rate=0.3, gradient_steps=run.best_gradient_steps)
    totals(again)
    assert all(torch.equal(kept[name], value) for name, value in again.encoder.state_dict().items())


def test_validation_is_the_same_each_time_and_disturbs_nothing() -> None:
    once, often = training(), training()
    for _ in range(3):
        once.step()
        often.step()
        assert often.validate() == often.validate()
    assert once.validate() == often.validate()


def test_the_seed_decides_and_torchs_own_generator_does_not() -> None:
    torch.manual_seed(1)
    one = totals(training())
    torch.manual_seed(2)
    assert totals(training()) == one
    assert totals(training(seed=1)) != one


def test_only_training_episodes_are_normalised_by_and_trained_on() -> None:
    made = episodes()
    held_out = made.validation[made.episode_of_row].bool()[:, None]
    moved = replace(made, obs=torch.where(held_out, made.obs + 100.0, made.obs))
    one, other = (EncoderTraining(source, PARAMS, 0, CPU) for source in (made, moved))
    for _ in range(3):
        assert one.step()["total"] == other.step()["total"]
    assert one.validate()["total"] != other.validate()["total"]
