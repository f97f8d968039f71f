"""Phase `evaluation`: what the run has come to, in figures, pictures and one page.

Reads everything before it. Every reported goal of every task is played once by the experts, the collective,
the collective without its task embedding, students and their controls, and those of unseen tasks by the
collective, which is also filmed. Writes report.html, summary.json, evaluation.json, videos/ and tensorboard/.
See docs/phases/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.collective.network import load_collective
from collectiverun_trainer.config import EvaluationParams, Task
from collectiverun_trainer.order import Phase, PhaseResult
from collectiverun_trainer.phases.context import PhaseContext, versions
from collectiverun_trainer.report import machine
from collectiverun_trainer.report.assembly import Past, summarise
from collectiverun_trainer.report.measurements import Measurements, Piece, film, trial
from collectiverun_trainer.report.page import Report, render
from collectiverun_trainer.report.summary import Network, PhaseCost, Summary
from collectiverun_trainer.report.tensorboard import event_files
from collectiverun_trainer.rollouts.policy import Policy, load_experts
from collectiverun_trainer.students.files import load_students

Inputs = dict[Phase, list[Artifact]]
READ: tuple[Phase, ...] = ("experts", "trajectoryTransformer", "onlineDistillation")
READ_IF_PRESENT: tuple[Phase, ...] = ("refinement", "students")


def run(context: PhaseContext) -> PhaseResult:
    """Measure what is not measured yet, then publish the report."""
    inputs = _open(context)
    past = Past.read(inputs)
    measurements = Measurements()
    if saved := context.checkpoints.latest():
        measurements.load_state_dict(saved[1]["measurements"])
        context.reporter.load_state_dict(saved[1]["reporter"])
    _measure(context, list(_pieces(context, inputs)), measurements)
    return _publish(context, past, measurements)


def _open(context: PhaseContext) -> Inputs:
    """The artifacts of every phase before this one; refinement and students only where the run has them."""
    wanted = [*READ, *(phase for phase in READ_IF_PRESENT if context.order.inputs.get(phase))]
    return {phase: [artifact for _, artifact in context.inputs(phase)] for phase in wanted}


def _pieces(context: PhaseContext, inputs: Inputs) -> Iterator[Piece]:
    """All that is to be measured, in a fixed order."""
    order, params = context.order, context.params(EvaluationParams)
    tasks, settings = order.tasks, order.environment
    experts, _ = load_experts(context.inputs("experts"), context.device)
    yield trial("experts", "experts", {t: experts.policy_for(t) for t in tasks}, tasks, settings)
    collective = load_collective(_last_collective(inputs), context.device)
    yield trial("collective", "collective", collective.policy(), tasks, settings)
    if params.ablations:
        yield trial("z = 0", "zero", collective.policy("zero"), tasks, settings)
    if params.ablations and len(tasks) > 1:
        yield trial("z shuffled", "shuffled", collective.policy("shuffled", len(tasks)), tasks, settings)
    if order.holdout:
        yield trial("collective on unseen tasks", "collective", collective.policy(), order.holdout, settings)
    for network, policies in _students(context, inputs).items():
        yield trial(network, network, policies, tuple(policies), settings)
    if params.videos:
        for task in (*tasks, *order.holdout):
            yield film(collective.policy(), task, settings, params)


def _students(context: PhaseContext, inputs: Inputs) -> dict[Network, dict[Task, Policy]]:
    """The policies of students and their controls; none where the run has no students."""
    if "students" not in inputs:
        return {}
    found = load_students(context.inputs("students"), context.device)
    return {"students": found["student"], "controls": found["control"]}


def _last_collective(inputs: Inputs) -> Artifact:
    """The refined collective where there is one: refinement publishes a copy if it did not help."""
    return inputs.get("refinement", inputs["onlineDistillation"])[0]


def _measure(context: PhaseContext, pieces: list[Piece], measurements: Measurements) -> None:
    """One piece after the other, a checkpoint after each."""
    total = sum(piece.env_steps for piece in pieces)
    for piece in pieces:
        if piece.name in measurements.done:
            continue
        success = measurements.success_of_collective(context.order.tasks)
        context.reporter.progress(measurements.env_steps, total, success, f"evaluating {piece.name}")
        piece.add_to(measurements)
        context.checkpoint_or_stop(
            len(measurements.done),
            lambda: {"measurements": measurements.state_dict(), "reporter": context.reporter.state_dict()},
            every=1,
        )
    success = measurements.success_of_collective(context.order.tasks)
    context.reporter.progress(total, total, success, "writing the report")


def _publish(context: PhaseContext, past: Past, measurements: Measurements) -> PhaseResult:
    """The page, the figures it shows, every episode's outcome, the films and all metrics."""
    _report_outcomes(context, measurements)
    summary = _summary(context, past, measurements)
    writer = context.writer()
    report = Report(summary, past.curves, past.embedding_map, measurements.videos())
    writer.add("report.html", render(report).encode())
    writer.add_json("summary.json", summary.model_dump(by_alias=True, mode="json"))
    writer.add_json("evaluation.json", measurements.documents())
    for task, one in measurements.films.items():
        writer.add(f"videos/{task.name}.webp", one.moving)
    for phase, records in {**past.records, context.order.phase: context.reporter.records}.items():
        for name, content in event_files(phase, records).items():
            writer.add(f"tensorboard/{name}", content)
    return context.publish(
        writer,
        summary.success["collective"],
        measurements.env_steps,
        summary.headline,
        experts=summary.success["experts"],
        students=summary.success.get("students"),
    )


def _report_outcomes(context: PhaseContext, measurements: Measurements) -> None:
    """Every network's success on every task, as metrics."""
    for network, by_task in measurements.outcomes.items():
        for task, outcome in by_task.items():
            figures = {
                "success_any_step": outcome.success.any_step,
                "success_at_end": outcome.success.at_end,
                "return": float(outcome.returns.mean()),
            }
            values = {f"evaluation/{network}/{name}": value for name, value in figures.items()}
            context.reporter.metrics(measurements.env_steps, 0, values, task)


def _summary(context: PhaseContext, past: Past, measurements: Measurements) -> Summary:
    wall_seconds, cpu_seconds = context.reporter.spent_seconds
    own_cost = PhaseCost(
        phase=context.order.phase,
        members=1,
        env_steps=measurements.env_steps,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
    )
    here = machine.describe(context.device.type)
    return summarise(context.order, past, measurements.outcomes, own_cost, versions(), here)
