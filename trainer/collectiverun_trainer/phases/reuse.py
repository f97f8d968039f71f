"""What an earlier run did already: copied into this run's artifact instead of done again (`from`).

A copy is an artifact like any other, so later phases, the report and who opens the run see no difference; its
manifest names what it is a copy of. See docs/reuse.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter
from collectiverun_trainer.artifacts.reuse import IMPORTED, earlier_of, tasks_of
from collectiverun_trainer.artifacts.robot_files import FOLDER
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.learning.seeded_task import SeededTask, seeded
from collectiverun_trainer.order import PhaseResult
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.policy_files.learners import read_outcomes
from collectiverun_trainer.process.reporter import METRICS_NAME
from collectiverun_trainer.rollouts.outcomes import Outcomes


def reused_experts(context: PhaseContext) -> dict[SeededTask, Artifact]:
    """For each task and seed whose expert an earlier run has trained the artifact that holds it.

    Where that run has not the seed, it is an expert of another seed of that run.

    Raises:
        InputInvalid, InvalidConfiguration: as `PhaseContext.earlier`.
    """
    found = {
        task: earlier_of(context.earlier, task.plain, task.seed)
        for task in seeded(context.order.tasks, context.order.all_seeds)
    }
    return {task: artifact for task, artifact in found.items() if artifact is not None}


def copy_expert(context: PhaseContext, writer: ArtifactWriter, artifact: Artifact, task: Task) -> Outcomes:
    """Every file of one expert, byte for byte, and its metrics; how its episodes ended."""
    for name in artifact.names:
        if name.startswith(f"{task.name}/"):
            writer.add(name, artifact.read(name))
    records = artifact.read_json_lines(METRICS_NAME)
    context.reporter.records += [record for record in records if record["task"] == task.name]
    return read_outcomes(artifact, task)


def told_reuse(context: PhaseContext, reused: Mapping[Task, Artifact]) -> str:
    """One sentence on which experts are copies, which is logged too; empty without `from`."""
    address, tasks = context.order.from_, context.order.tasks
    if address is None:
        return ""
    names = ", ".join(task.name for task in reused)
    missing = ", ".join(task.name for task in tasks if task not in reused)
    imported = ", ".join(task.name for task, artifact in reused.items() if IMPORTED in artifact.manifest)
    parts = [
        f"; trained: {missing}" if missing else "",
        f"; trained elsewhere: {imported}" if imported else "",
    ]
    note = f"Experts reused from {address}: {names}{''.join(parts)}."
    if not reused:
        note = f"Not in {address}, so trained: {missing}."
    context.reporter.log(note)
    return note


def reused_artifact(context: PhaseContext) -> Artifact | None:
    """What an earlier run has published of a phase for all these tasks; None without `from`.

    Raises:
        InputInvalid, InvalidConfiguration: as `PhaseContext.earlier`, or if its tasks are not this run's.
    """
    if context.order.from_ is None:
        return None
    order = context.order
    found = earlier_of(context.earlier, order.tasks[0], order.seed)
    if found is None or tasks_of(found) != order.tasks:
        theirs = ", ".join(task.name for artifact in context.earlier for task in tasks_of(artifact))
        ours = ", ".join(task.name for task in order.tasks)
        raise InvalidConfiguration(
            f"phases.{order.phase}.from: {order.from_} has learned other tasks"
            f" ({theirs or 'none of these'}) than this run has, or in another order ({ours});"
            " leave `from` out to learn these."
        )
    return found


def copied(context: PhaseContext, artifact: Artifact) -> PhaseResult:
    """The result of a phase whose work is an earlier run's artifact, copied."""
    writer = context.writer()
    for name in artifact.names:
        if name != METRICS_NAME and not name.startswith(f"{FOLDER}/"):  # which the context adds
            writer.add(name, artifact.read(name))
    context.reporter.records += artifact.read_json_lines(METRICS_NAME)
    context.reporter.progress(0, 0, activity="done")
    earlier = PhaseResult.model_validate(artifact.manifest["result"])
    note = f"Reused from {artifact.uri}: nothing was trained."
    context.reporter.log(note)
    return context.publish(writer, earlier.success, 0, note, artifact.manifest.get("extra", {}))
