"""Phase `refinement`: further training of the collective network on the whole online buffer.

Reads the collective and `online_buffer` of online distillation. Trains with the same losses until neither the
loss on held-out episodes nor success on selection goals improves any more. Writes the best refined
collective, or, where refinement did not help, a copy of the given one. See
docs/phases/refinement.md.
"""

from __future__ import annotations

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import RefinementParams
from collectiverun_trainer.distillation.refining import Refining
from collectiverun_trainer.distillation.reporting import report_evaluation
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files.collectives import (
    copy_collective,
    load_collective,
    read_collective_outcomes,
    save_collective,
    write_collective_outcomes,
)
from collectiverun_trainer.replay.shards import read_episodes
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import mean_success


def run(context: PhaseContext) -> PhaseResult:
    """Refine the collective and publish the refined or the given one, whichever is better."""
    (_, source), *_ = context.inputs("onlineDistillation")
    refining = _prepare(context, source)
    context.resume(refining)
    if refining.baseline is None:
        _evaluate(context, refining)
    while not refining.done:
        refining.learn()
        if refining.evaluation_due:
            _evaluate(context, refining)
        context.checkpoint_or_stop(
            refining.distiller.gradient_steps, refining.params.checkpoint_every_gradient_steps
        )
    return _publish(context, refining, source)


def _prepare(context: PhaseContext, source: Artifact) -> Refining:
    params = context.params(RefinementParams)
    collective = load_collective(source, context.device)
    episodes = read_episodes(source, "online_buffer")
    order = context.order
    try:
        return Refining(collective, episodes, order.environment, params, order.seed, context.device)
    except ValueError as error:
        raise InputInvalid(f"online_buffer of {source.uri} cannot be refined on: {error}.") from error


def _evaluate(context: PhaseContext, refining: Refining) -> None:
    """On selection goals and held-out episodes."""
    outcomes, validation = refining.evaluate()
    steps = refining.distiller.gradient_steps
    if losses := refining.distiller.read_losses():
        context.reporter.metrics(0, steps, {name: float(loss.mean()) for name, loss in losses.items()})
    report_evaluation(context.reporter, 0, steps, outcomes, validation)
    context.reporter.progress(steps, refining.params.gradient_steps, refining.selection.best)


def _publish(context: PhaseContext, refining: Refining, source: Artifact) -> PhaseResult:
    """The refined collective if it helped, else a copy of the given one and a note that says so."""
    writer = context.writer()
    budget = refining.params.gradient_steps
    context.reporter.progress(budget, budget, refining.selection.best, "evaluating")
    note = ""
    if refining.helped:
        collective, settings = refining.refined(), context.order.environment
        outcomes = [*evaluate_reported(collective.policy(), collective.tasks, settings).values()]
        save_collective(writer, collective)
    else:
        note = "Refinement did not help on selection goals; the collective is passed on unchanged."
        outcomes = read_collective_outcomes(source)
        copy_collective(source, writer)
    write_collective_outcomes(writer, outcomes)
    extra = {
        "helped": refining.helped,
        "bestGradientSteps": refining.selection.best_step,
        "gradientSteps": refining.distiller.gradient_steps,
    }
    return context.publish(writer, mean_success(outcomes), 0, note, extra)
