"""Phase `comparison`: what the seeds of a run came to, side by side.

Reads what every seed has evaluated, and what its experts, its collective and its students were worth while
they learned. Writes report.html, with means and intervals over the seeds, and comparison.json, the same as
data. See docs/phases/comparison.md.
"""

from __future__ import annotations

from statistics import fmean

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.parts import by_seed
from collectiverun_trainer.comparison.comparing import compare
from collectiverun_trainer.comparison.page import render
from collectiverun_trainer.comparison.reading import ComparedRun, compared, seed_label
from collectiverun_trainer.config import Phase
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.order import PhaseResult, Success
from collectiverun_trainer.phases.context import PhaseContext
from collectiverun_trainer.report.summary import Network

READ: tuple[Phase, ...] = ("experts", "onlineDistillation", "students", "evaluation")


def run(context: PhaseContext) -> PhaseResult:
    """Compare the seeds of the order, and publish the page and its numbers."""
    order, runs = context.order, _runs(context)
    comparison, writer = compare(runs, f"{order.run.namespace}/{order.run.name}"), context.writer()
    writer.add("report.html", render(comparison, writer.uri).encode())
    writer.add_json("comparison.json", comparison.model_dump(by_alias=True, mode="json"))
    context.reporter.progress(len(runs), len(runs), activity="done")
    return context.publish(
        writer,
        _mean(runs, "collective"),
        0,
        comparison.headline,
        experts=_mean(runs, "experts"),
        students=_mean(runs, "students"),
    )


def _runs(context: PhaseContext) -> list[ComparedRun]:
    """Each seed as a run of its own. Raises InputInvalid if one has no evaluation."""
    seeds, by_phase = context.order.all_seeds, {phase: _by_seed(context, phase) for phase in READ}
    missing = [str(seed) for seed in seeds if seed not in by_phase["evaluation"]]
    if missing:
        raise InputInvalid(f"The phase order names no evaluation of seed {', '.join(missing)}.")
    root = context.order.member_uri.rsplit("/", 2)[0]
    return [
        compared(
            seed_label("", seed, seeds),
            f"{root}#seed-{seed}",
            {phase: found[seed] for phase, found in by_phase.items() if seed in found},
        )
        for seed in seeds
    ]


def _by_seed(context: PhaseContext, phase: Phase) -> dict[int | None, list[Artifact]]:
    """What the phase published for each seed; nothing if the run has no such phase."""
    found: dict[int | None, list[Artifact]] = {}
    for _, whole in context.whole_inputs(phase) if context.order.inputs.get(phase) else ():
        for seed, artifact in by_seed(context.storage, whole):
            found.setdefault(seed, []).append(artifact)
    return found


def _mean(runs: list[ComparedRun], network: Network) -> Success | None:
    """Success of a network, over the seeds; None if they have none."""
    found = [run.summary.success[network] for run in runs if network in run.summary.success]
    if not found:
        return None
    return Success(any_step=fmean(one.any_step for one in found), at_end=fmean(one.at_end for one in found))
