"""From finished runs to their comparison. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from collectiverun_trainer.comparison import statistics
from collectiverun_trainer.comparison.configurations import Group, differences, grouped
from collectiverun_trainer.comparison.curves import mean_curves
from collectiverun_trainer.comparison.document import (
    Aggregate,
    Comparison,
    Configuration,
    Improvement,
    Network,
    Notion,
    PhaseHours,
    RunEntry,
    TaskScores,
)
from collectiverun_trainer.comparison.reading import NETWORKS, ComparedRun
from collectiverun_trainer.comparison.sentences import headline, left_out, notes
from collectiverun_trainer.errors import Usage

NOTIONS: tuple[Notion, ...] = ("any_step", "at_end")
_HOUR = 3600.0


def compare(runs: Sequence[ComparedRun], subject: str = "") -> Comparison:
    """Everything about at least one run. Raises Usage if several share no task with any network.

    Args:
        subject: the run that all of them are seeds of, if there is one.
    """
    groups = grouped(runs)
    success = tuple(_success([run for group in groups for run in group.runs]))
    if not any(row.is_shared for row in success):
        raise Usage(
            f"the runs {', '.join(run.label for run in runs)} share no task, so nothing is comparable"
        )
    overall, improvement = tuple(_overall(groups, success)), tuple(_improvement(groups, success))
    return Comparison(
        headline=headline(groups, overall, improvement),
        subject=subject,
        smoke=any(run.summary.smoke for run in runs),
        configurations=tuple(_configuration(group) for group in groups),
        differences=differences(groups),
        success=success,
        overall=overall,
        improvement=improvement,
        curves=tuple(mean_curves(groups)),
        costs=tuple(cost for run in runs for cost in _costs(run)),
        left_out=left_out(success, len(runs)),
        notes=notes(groups),
        method=statistics.METHOD,
    )


def _configuration(group: Group) -> Configuration:
    runs = (
        RunEntry(label=run.label, seed=run.summary.seed, root=run.root, report=run.report)
        for run in group.runs
    )
    return Configuration(name=group.name, runs=tuple(runs))


def _success(runs: Sequence[ComparedRun]) -> Iterator[TaskScores]:
    """Each task of each network, network by network."""
    scores = {run.label: run.scores for run in runs}
    keys = dict.fromkeys(key for own in scores.values() for key in own)
    for network, task in sorted(keys, key=lambda key: NETWORKS.index(key[0])):
        found = {label: own[network, task] for label, own in scores.items() if (network, task) in own}
        yield TaskScores(network=network, task=task, is_shared=len(found) == len(runs), runs=found)


def _overall(groups: Sequence[Group], success: Sequence[TaskScores]) -> Iterator[Aggregate]:
    for network, notion, scores in _matrices(groups, success):
        for group in groups:
            own = scores[group.name]
            yield Aggregate(
                network=network,
                notion=notion,
                configuration=group.name,
                runs=own.shape[1],
                tasks=own.shape[0],
                mean=statistics.mean(own),
                iqm=statistics.interquartile_mean(own),
            )


def _improvement(groups: Sequence[Group], success: Sequence[TaskScores]) -> Iterator[Improvement]:
    first, *others = groups
    for network, notion, scores in _matrices(groups, success):
        for group in others:
            yield Improvement(
                network=network,
                notion=notion,
                configuration=group.name,
                over=first.name,
                probability=statistics.probability_of_improvement(scores[group.name], scores[first.name]),
            )


def _matrices(
    groups: Sequence[Group], success: Sequence[TaskScores]
) -> Iterator[tuple[Network, Notion, Mapping[str, statistics.Scores]]]:
    """For each network and notion of success: scores (tasks, runs) of each configuration on shared tasks."""
    for network in NETWORKS:
        rows = [row for row in success if row.network == network and row.is_shared]
        for notion in NOTIONS if rows else ():
            yield network, notion, {group.name: _matrix(group, rows, notion) for group in groups}


def _matrix(group: Group, rows: Sequence[TaskScores], notion: Notion) -> statistics.Scores:
    return np.array([[getattr(row.runs[run.label], notion).value for run in group.runs] for row in rows])


def _costs(run: ComparedRun) -> Iterator[PhaseHours]:
    for phase in run.summary.phases:
        yield PhaseHours(
            phase=phase.phase,
            run=run.label,
            cpu_hours=phase.cpu_seconds / _HOUR,
            gpu_hours=phase.gpu_seconds / _HOUR,
            env_steps=phase.env_steps,
        )
