"""What a comparison says in words. Every word follows from its numbers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from collectiverun_trainer.comparison.configurations import Group
from collectiverun_trainer.comparison.document import Aggregate, Estimate, Improvement, Network, TaskScores
from collectiverun_trainer.report.headline import SMOKE, bounds, percent

NAMES: Final[dict[Network, str]] = {
    "experts": "Experts",
    "collective": "Collective",
    "students": "Students",
    "controls": "Controls",
    "unseen": "Collective on unseen tasks",
}
_FEW: Final = 5  # runs, below which an interval by bootstrap is rough
_SUBJECT: Final[dict[Network, str]] = {
    "experts": "The experts succeed",
    "collective": "The collective succeeds",
    "students": "The students succeed",
    "controls": "The controls succeed",
    "unseen": "The collective succeeds on unseen tasks",
}


def with_interval(estimate: Estimate) -> str:
    """`93.1 % (90–97)`; the figure alone where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return percent(estimate.value)
    return f"{percent(estimate.value)} ({bounds(estimate.low, estimate.high)})"


def headline(
    groups: Sequence[Group], overall: Sequence[Aggregate], improvement: Sequence[Improvement]
) -> str:
    """The one sentence: success of the collective, by configuration; of smoke runs that they are some."""
    if any(run.summary.smoke for group in groups for run in group.runs):
        return SMOKE
    networks = [one.network for one in overall]
    network: Network = "collective" if "collective" in networks else networks[0]
    own = [one for one in overall if (one.network, one.notion) == (network, "any_step")]
    rates = [
        f"{with_interval(one.mean)} of episodes{f' with {one.configuration}' if len(own) > 1 else ''}"
        for one in own
    ]
    runs = f", over {own[0].runs} runs" if len(own) == 1 and own[0].runs > 1 else ""
    better = [one for one in improvement if (one.network, one.notion) == (network, "any_step")]
    verdict = ""
    if len(better) == 1:
        (one,) = better
        verdict = (
            f"; a run of {one.configuration} does better than one of {one.over} with probability"
            f" {with_interval(one.probability)}"
        )
    return f"{_SUBJECT[network]} at any step in {_joined(rates)}{runs}{verdict}."


def left_out(success: Sequence[TaskScores], runs: int) -> tuple[str, ...]:
    """What only some runs have: a sentence for each set of runs and networks."""
    networks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in success:
        if len(row.runs) < runs:
            networks.setdefault((row.task, tuple(row.runs)), []).append(NAMES[row.network].lower())
    tasks: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (task, labels), names in networks.items():
        tasks.setdefault((labels, tuple(names)), []).append(task)
    return tuple(
        f"Left out of the aggregates: {', '.join(own)} of {_joined(names)}, which only {_joined(labels)}"
        f" {'has' if len(labels) == 1 else 'have'}."
        for (labels, names), own in tasks.items()
    )


def notes(groups: Sequence[Group]) -> tuple[str, ...]:
    """What to know before the numbers are trusted."""
    dependent = (*_same_seeds(groups), *_same_origins(groups))
    return (*_few_runs(groups), *dependent, *_other_episodes(groups), *_other_versions(groups))


def _few_runs(groups: Sequence[Group]) -> Iterator[str]:
    single = [group.name for group in groups if len(group.runs) == 1]
    few = [group.name for group in groups if 1 < len(group.runs) < _FEW]
    if single:
        yield f"There is one run of {_joined(single)}: what sets it apart may be chance."
    if few:
        yield (
            f"There are fewer than {_FEW} runs of {_joined(few)}: with so few, intervals by bootstrap come"
            f" out too narrow."
        )


def _same_seeds(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        counts = Counter(run.summary.seed for run in group.runs)
        for seed, count in counts.items():
            if count > 1:
                labels = _joined([run.label for run in group.runs if run.summary.seed == seed])
                yield (
                    f"{labels} are {count} runs of configuration {group.name} with the same seed {seed}: they"
                    f" are no independent samples."
                )


def _same_origins(groups: Sequence[Group]) -> Iterator[str]:
    """Runs of a configuration that have copies of the same work in them (`from`)."""
    for group in groups:
        labels: dict[tuple[str, str], list[str]] = {}
        for run in group.runs:
            for phase, settings in run.spec.get("phases", {}).items():
                if address := settings.get("from"):
                    labels.setdefault((phase, address), []).append(run.label)
        for (phase, address), own in labels.items():
            if len(own) > 1:
                yield (
                    f"{_joined(own)} of configuration {group.name} have what {address} has published of phase"
                    f" {phase}: they are no independent samples."
                )


def _other_episodes(groups: Sequence[Group]) -> Iterator[str]:
    # The models of own robots are what makes a configuration.
    settings = [
        run.summary.environment.model_dump(by_alias=True, exclude={"robot_models"})
        for group in groups
        for run in group.runs
    ]
    differing = [name for name in settings[0] if len({own[name] for own in settings}) > 1]
    if differing:
        yield (
            f"The runs were not evaluated alike, so their success is of different episodes:"
            f" environment.{', environment.'.join(differing)} is not the same."
        )


def _other_versions(groups: Sequence[Group]) -> Iterator[str]:
    runs = [run for group in groups for run in group.runs]
    for name in sorted({name for run in runs for name in run.summary.versions}):
        versions = sorted({run.summary.versions.get(name, "none") for run in runs})
        if len(versions) > 1:
            yield f"The runs used different versions of {name}: {', '.join(versions)}."


def _joined(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
