"""Phase `trajectoryTransformer`: learn from the experts' episodes an embedding that separates tasks.

Reads `buffer_distill` of every expert. An encoder of windows of recent decisions is trained with
self-supervised losses: windows of one task are pulled together and those of other tasks pushed apart, masked
tokens are reconstructed, and neighbouring windows are kept close. Writes the encoder at its best validation
loss, embeddings of held-out windows with a 2-D map of them, and how well they separate tasks.
See docs/phases/trajectory-transformer.md.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from collectiverun_trainer.artifacts.artifact import ArtifactWriter
from collectiverun_trainer.config import TrajectoryTransformerParams
from collectiverun_trainer.experts.crossed import crossed_episodes
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.reuse import copied, reused_artifact
from collectiverun_trainer.policy_files.collectives import save_encoder
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.replay.episodes import TRAINING_FRACTION, Episodes, concatenate
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.replay.sources import SOURCES
from collectiverun_trainer.seeding import numpy_generator
from collectiverun_trainer.transformer import quality
from collectiverun_trainer.transformer.encoder import TrajectoryEncoder
from collectiverun_trainer.transformer.training import EncoderTraining, initial_networks

EMBEDDINGS = "embeddings"
QUALITY_NAME = "quality.json"


def run(context: PhaseContext) -> PhaseResult:
    """Train the encoder, measure it on held-out episodes and publish it; or publish an earlier run's."""
    if (earlier := reused_artifact(context)) is not None:
        return copied(context, earlier)
    episodes, env_steps = _episodes(context)
    training = EncoderTraining(
        episodes, context.params(TrajectoryTransformerParams), context.order.seed, context.device
    )
    _train(context, training)
    return _publish(context, training, episodes, env_steps)


def _episodes(context: PhaseContext) -> tuple[Episodes, int]:
    """What is learned from, and the env steps that playing some of it took."""
    episodes, count = _buffer_distill(context), context.params(TrajectoryTransformerParams).crossed_episodes
    if not count:
        return episodes, 0
    order = context.order
    experts, tasks = load_experts(context.inputs("experts"), context.device)
    generator = numpy_generator(order.seed, order.phase, None, "crossed")
    crossed = crossed_episodes(experts, tasks, order.environment, count, generator)
    env_steps = crossed.rows * order.environment.action_repeat
    return concatenate([episodes, crossed.split(TRAINING_FRACTION, generator)]), env_steps


def _buffer_distill(context: PhaseContext) -> Episodes:
    """The episodes of all experts, with the split they came with."""
    return concatenate(
        [
            read_episodes(artifact, f"{task.name}/buffer_distill")
            for reference, artifact in context.inputs("experts")
            for task in reference.tasks
        ]
    )


def _train(context: PhaseContext, training: EncoderTraining) -> None:
    """Gradient steps, validated and saved at fixed distances, until the budget or patience is exhausted."""
    context.resume(training)
    while not training.done:
        losses = training.step()
        if training.validation_due:
            _report_validation(context, training, losses)
        context.reporter.progress(training.gradient_steps, training.params.gradient_steps)
        context.checkpoint_or_stop(training.gradient_steps, training.params.checkpoint_every_gradient_steps)


def _report_validation(context: PhaseContext, training: EncoderTraining, losses: dict[str, Tensor]) -> None:
    values = {f"losses/{name}": float(loss) for name, loss in losses.items()}
    values |= {f"validation/{name}": loss for name, loss in training.validate().items()}
    context.reporter.metrics(0, training.gradient_steps, values)


def _publish(
    context: PhaseContext, training: EncoderTraining, episodes: Episodes, env_steps: int
) -> PhaseResult:
    total = training.params.gradient_steps
    context.reporter.progress(training.gradient_steps, total, activity="measuring")
    encoder = training.best_encoder()
    held_out, document = _measure(context, encoder, episodes)
    _report_quality(context, training, document)
    writer = context.writer()
    save_encoder(writer, encoder)
    _write_embeddings(writer, held_out, episodes)
    writer.add_json(QUALITY_NAME, document)
    context.reporter.progress(total, total, activity="done")
    note = "" if document["figures"] else "With one task there is nothing for the embedding to separate."
    return context.publish(writer, None, env_steps, note=note, extra={"figures": document["figures"]})


def _measure(
    context: PhaseContext, encoder: TrajectoryEncoder, episodes: Episodes
) -> tuple[quality.Sample, dict[str, Any]]:
    """Embedded held-out windows, and the encoder's metrics beside those of an untrained one."""
    reference, held_out = _samples(context, encoder, episodes)
    document = quality.report(reference, held_out, episodes.tasks)
    untrained, _ = initial_networks(encoder.params, encoder.normaliser, context.order.seed)
    before = quality.report(*_samples(context, untrained.to(context.device), episodes), episodes.tasks)
    return held_out, document | {"untrained": before["figures"]}


def _samples(
    context: PhaseContext, encoder: TrajectoryEncoder, episodes: Episodes
) -> tuple[quality.Sample, quality.Sample]:
    """Windows of training episodes, which classifiers are fitted to, and of held-out ones."""
    order = context.order
    parts = {"reference": episodes.training_part(), "held-out": episodes.validation_part()}
    reference, held_out = (
        quality.embed_sample(encoder, part, numpy_generator(order.seed, order.phase, None, purpose))
        for purpose, part in parts.items()
    )
    return reference, held_out


def _report_quality(context: PhaseContext, training: EncoderTraining, document: dict[str, Any]) -> None:
    document["gradientSteps"] = training.gradient_steps
    document["bestGradientSteps"] = training.best_gradient_steps
    values = {f"quality/{each['name'].replace(' ', '_')}": each["value"] for each in document["figures"]}
    context.reporter.metrics(0, training.gradient_steps, values)


def _write_embeddings(writer: ArtifactWriter, sample: quality.Sample, episodes: Episodes) -> None:
    """The embedded windows and their map, and the names that their indices refer to."""
    writer.add_tensors(f"{EMBEDDINGS}.safetensors", vars(sample) | {"map2d": quality.map_2d(sample.z)})
    names = {
        "tasks": [task.name for task in episodes.tasks],
        "robots": list(quality.robots(episodes.tasks)),
        "sources": list(SOURCES),
    }
    writer.add_json(f"{EMBEDDINGS}.json", names)
