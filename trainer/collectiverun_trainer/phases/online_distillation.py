"""Phase `onlineDistillation`: one network for all tasks learns online to act as their experts would.

Reads the experts and the trajectory transformer. All tasks are played side by side, first at random,
then by the collective itself, finally by the experts; each task's expert labels every decision, and the
network is trained on the labels while the data arrives. Writes the collective (network and encoder) at its
best evaluation, and `online_buffer`: every episode played. See docs/phases/online-distillation.md.
"""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import OnlineDistillationParams
from collectiverun_trainer.distillation.distiller import Losses
from collectiverun_trainer.distillation.reporting import report_evaluation
from collectiverun_trainer.distillation.training import OnlineTraining
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.phases.reuse import copied, reused_artifact
from collectiverun_trainer.policy_files.collectives import (
    has_same_encoder,
    load_encoder,
    save_collective,
    write_collective_outcomes,
)
from collectiverun_trainer.policy_files.learners import load_experts
from collectiverun_trainer.replay.shards import write_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import mean_success


def run(context: PhaseContext) -> PhaseResult:
    """Distil the experts into the collective network and publish it; or publish an earlier run's."""
    if (earlier := reused_artifact(context)) is not None:
        _require_same_encoder(context, earlier)
        return copied(context, earlier)
    training = _prepare(context)
    context.resume(training)
    while not training.done:
        _report_round(context, training, training.play_round())
        if training.evaluation_due:
            _evaluate(context, training)
        context.checkpoint_or_stop(training.env_steps_per_task, training.params.checkpoint_every_env_steps)
    return _publish(context, training)


def _prepare(context: PhaseContext) -> OnlineTraining:
    experts, tasks = load_experts(context.inputs("experts"), context.device)
    (_, transformer), *_ = context.inputs("trajectoryTransformer")
    return OnlineTraining(
        tasks,
        context.order.environment,
        context.params(OnlineDistillationParams),
        experts,
        load_encoder(transformer, context.device),
        context.order.seed,
        context.device,
    )


def _require_same_encoder(context: PhaseContext, earlier: Artifact) -> None:
    """A collective acts by the embeddings of the encoder it was trained with; the report shows the run's."""
    (_, transformer), *_ = context.inputs("trajectoryTransformer")
    if not has_same_encoder(earlier, transformer):
        raise InvalidConfiguration(
            f"phases.onlineDistillation.from: {earlier.uri} was trained with another trajectory transformer"
            f" than {transformer.uri}; reuse that one too (phases.trajectoryTransformer.from), or leave"
            " `from` out."
        )


def _evaluate(context: PhaseContext, training: OnlineTraining) -> None:
    """On selection goals and held-out episodes."""
    outcomes = training.evaluate()
    steps = training.env_steps_per_task, training.distiller.gradient_steps
    report_evaluation(context.reporter, *steps, outcomes, training.validation_losses())


def _publish(context: PhaseContext, training: OnlineTraining) -> PhaseResult:
    """The best network with its success on the reported goals, and every episode played."""
    total, best = training.total_env_steps, training.selection.best
    context.reporter.progress(total, total, best, "evaluating")
    collective = training.best()
    outcomes = evaluate_reported(collective.policy(), collective.tasks, context.order.environment).values()
    writer = context.writer()
    save_collective(writer, collective)
    write_collective_outcomes(writer, outcomes)
    write_episodes(writer, "online_buffer", training.buffer.episodes())
    extra = {"bestEnvSteps": training.selection.best_step, "gradientSteps": training.distiller.gradient_steps}
    return context.publish(writer, mean_success(outcomes), training.env_steps, extra=extra)


def _report_round(context: PhaseContext, training: OnlineTraining, losses: Losses) -> None:
    source, success = training.last_round()
    values = {name: float(loss.mean()) for name, loss in losses.items()}
    values[f"rollout/success_at_end_{source}"] = success
    context.reporter.metrics(training.env_steps_per_task, training.distiller.gradient_steps, values)
    best = training.selection.best
    context.reporter.progress(training.env_steps, training.total_env_steps, best, f"learning, {source} acts")
