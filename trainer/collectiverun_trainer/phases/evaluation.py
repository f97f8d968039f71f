"""Phase `evaluation`: the results of the run in numbers, videos and one page.

Reads everything before it. Every reported goal of every task is played once by the experts, the collective,
the collective without its task embedding, students and their controls, and those of unseen tasks by the
collective, of which videos are recorded. Writes report.html, summary.json, evaluation.json, videos/ and
tensorboard/. See docs/phases/evaluation.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.config import PHASES, EvaluationParams, Phase, Task
from collectiverun_trainer.config.phases import earlier_phases
from collectiverun_trainer.environments.rendering import RenderingError, rendering_platform
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files.collectives import load_collective
from collectiverun_trainer.policy_files.learners import load_experts, load_students
from collectiverun_trainer.process.versions import versions
from collectiverun_trainer.report import machine
from collectiverun_trainer.report.assembly import PriorPhases, summarise
from collectiverun_trainer.report.measurements import Measurement, Measurements, trial, video
from collectiverun_trainer.report.page import Report, render
from collectiverun_trainer.report.summary import Network, PhaseCost, Summary
from collectiverun_trainer.report.tensorboard import event_files
from collectiverun_trainer.rollouts.outcomes import SELECTION
from collectiverun_trainer.rollouts.policy import Policy

Inputs = dict[Phase, list[Artifact]]
_logger = logging.getLogger(__name__)


def run(context: PhaseContext) -> PhaseResult:
    """Measure what is not measured yet, then publish the report."""
    inputs = _open(context)
    prior = PriorPhases.read(inputs)
    no_films = _no_films(context.params(EvaluationParams))
    measurements = Measurements()
    context.resume(measurements)
    _measure(context, list(_measurements(context, inputs, films=not no_films)), measurements)
    return _publish(context, prior, measurements, no_films)


def _no_films(params: EvaluationParams) -> str:
    """Why there can be no films, told before hours of measuring; empty if there can, or none are wanted."""
    try:
        if params.videos:
            rendering_platform()
    except RenderingError as error:
        sentence = f"The report has no films: {error}."
        _logger.warning(sentence)
        return sentence
    return ""


def _open(context: PhaseContext) -> Inputs:
    """The artifacts of every phase before this one; optional ones only where the run has them."""
    order = context.order
    read = [
        phase
        for phase in earlier_phases(order.phase)
        if order.inputs.get(phase) or not PHASES[phase].optional
    ]
    return {phase: [artifact for _, artifact in context.inputs(phase)] for phase in read}


def _measurements(context: PhaseContext, inputs: Inputs, *, films: bool) -> Iterator[Measurement]:
    """All that is to be measured, in a fixed order."""
    order, params = context.order, context.params(EvaluationParams)
    tasks, settings = order.tasks, order.environment
    experts, _ = load_experts(context.inputs("experts"), context.device)
    yield trial("experts", "experts", {t: experts.policy_for(t) for t in tasks}, tasks, settings)
    # Refinement publishes a copy if it did not help.
    (_, latest), *_ = context.inputs_of_first("refinement", "onlineDistillation")
    collective = load_collective(latest, context.device)
    yield trial("collective", "collective", collective.policy(), tasks, settings)
    if params.ablations:
        yield trial("z = 0", "zero", collective.policy("zero"), tasks, settings)
    if params.ablations and len(tasks) > 1:
        yield trial("z shuffled", "shuffled", collective.policy("shuffled", len(tasks)), tasks, settings)
    if order.holdout:
        yield trial("collective on unseen tasks", "collective", collective.policy(), order.holdout, settings)
    for network, policies in _students(context, inputs).items():
        yield trial(network, network, policies, tuple(policies), settings)
    if params.videos and films:
        for task in (*tasks, *order.holdout):
            yield video(collective.policy(), task, settings, params)


def _students(context: PhaseContext, inputs: Inputs) -> dict[Network, dict[Task, Policy]]:
    """The policies of students and their controls; none where the run has no students."""
    if "students" not in inputs:
        return {}
    policies_of = load_students(context.inputs("students"), context.device)
    return {"students": policies_of["student"], "controls": policies_of["control"]}


def _measure(context: PhaseContext, parts: list[Measurement], measurements: Measurements) -> None:
    """One measurement after the other, a checkpoint after each."""
    total = sum(part.env_steps for part in parts)
    for part in parts:
        if part.name in measurements.done:
            continue
        success = measurements.success_of_collective(context.order.tasks)
        context.reporter.progress(measurements.env_steps, total, success, f"evaluating {part.name}")
        part.add_to(measurements)
        context.checkpoint_or_stop(len(measurements.done), every=1)
    success = measurements.success_of_collective(context.order.tasks)
    context.reporter.progress(total, total, success, "writing the report")


def _publish(
    context: PhaseContext, prior: PriorPhases, measurements: Measurements, no_films: str
) -> PhaseResult:
    """The page, the numbers it shows, every episode's outcome, the videos and all metrics."""
    _report_outcomes(context, measurements)
    summary = _summary(context, prior, measurements)
    writer = context.writer()
    report = Report(summary, prior.curves, prior.embedding_map, measurements.video_panels())
    writer.add("report.html", render(report).encode())
    writer.add_json("summary.json", summary.model_dump(by_alias=True, mode="json"))
    writer.add_json("evaluation.json", measurements.documents())
    for task, filmed in measurements.videos.items():
        writer.add(f"videos/{task.name}.webp", filmed.animation)
    for phase, records in {**prior.records, context.order.phase: context.reporter.records}.items():
        for name, content in event_files(phase, records).items():
            writer.add(f"tensorboard/{name}", content)
    return context.publish(
        writer,
        summary.success["collective"],
        measurements.env_steps,
        " ".join(filter(None, (summary.headline, no_films))),
        experts=summary.success["experts"],
        students=summary.success.get("students"),
    )


def _report_outcomes(context: PhaseContext, measurements: Measurements) -> None:
    """Every network's success on every task, as metrics."""
    for network, by_task in measurements.outcomes.items():
        for task, outcome in by_task.items():
            values = outcome.metrics(f"{SELECTION}/{network}")
            context.reporter.metrics(measurements.env_steps, 0, values, task)


def _summary(context: PhaseContext, prior: PriorPhases, measurements: Measurements) -> Summary:
    wall_seconds, cpu_seconds = context.reporter.spent_seconds
    own_cost = PhaseCost(
        phase=context.order.phase,
        members=1,
        env_steps=measurements.env_steps,
        wall_seconds=wall_seconds,
        cpu_seconds=cpu_seconds,
        gpu_seconds=wall_seconds if context.device.type == "cuda" else 0.0,
    )
    here = machine.describe(context.device.type)
    return summarise(context.order, prior, measurements.outcomes, own_cost, versions(), here)
