"""What a comparison reads of finished runs: the summaries of their evaluations, and their learning curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from pydantic import ValidationError

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.reuse import tasks_of
from collectiverun_trainer.comparison.document import Network
from collectiverun_trainer.config import Phase
from collectiverun_trainer.config.validation import faults
from collectiverun_trainer.errors import InputInvalid, Usage
from collectiverun_trainer.learned.published_run import PublishedRun
from collectiverun_trainer.policy_files.kinds import foreign_model
from collectiverun_trainer.report.assembly import success_curves
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.reading import metrics
from collectiverun_trainer.report.summary import Score, Summary

NETWORKS: Final[tuple[Network, ...]] = get_args(Network)
_EVALUATION: Final = "evaluation"


@dataclass(frozen=True)
class ComparedRun:
    """A finished run, as far as it is compared."""

    label: str
    root: str
    report: str
    summary: Summary
    curves: tuple[Curve, ...]
    imported: Mapping[str, str]
    """By task the model that its expert was made of elsewhere."""

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec with every default in it; Pod templates are left out of it.

        `from` does not tell what was learned, and is no difference; experts that were trained elsewhere are,
        and are told as `phases.experts.imported`.
        """
        if not self.imported:
            return self.summary.spec
        phases = self.summary.spec.get("phases", {})
        experts = {**phases.get("experts", {}), "imported": dict(self.imported)}
        return {**self.summary.spec, "phases": {**phases, "experts": experts}}

    @property
    def scores(self) -> dict[tuple[Network, str], Score]:
        """By network and name of the task, network by network; the ablations are left out."""
        found = {
            (_network(name, is_unseen=row in self.summary.holdout), row.task.name): score
            for row in (*self.summary.tasks, *self.summary.holdout)
            for name, score in row.scores.items()
            if name in NETWORKS
        }
        return dict(sorted(found.items(), key=lambda item: NETWORKS.index(item[0][0])))


def _network(name: str, *, is_unseen: bool) -> Network:
    return "unseen" if is_unseen and name == "collective" else cast("Network", name)


def read_runs(opened: Sequence[PublishedRun]) -> list[ComparedRun]:
    """The runs with labels that tell them apart; one of several seeds is as many runs.

    Raises:
        Usage: a run is named twice.
        InputInvalid: a run is unfinished, or something of it is missing or damaged.
    """
    twice = [root for root, count in Counter(run.root for run in opened).items() if count > 1]
    if twice:
        raise Usage(f"{twice[0]} is named twice; compare takes each run once")
    names = [finished_summary(run).run.name for run in opened]
    labels = [_label(run.root, name, names, opened) for run, name in zip(opened, names, strict=True)]
    return [
        compared(seed_label(label, one.seed, one.seeds), one.root, _published(one))
        for run, label in zip(opened, labels, strict=True)
        for one in (run.of_seed(seed) for seed in run.seeds)
    ]


def seed_label(label: str, seed: int, seeds: Sequence[int]) -> str:
    """The label of one seed of a run: the run's, and the seed where there are several."""
    return f"{label}, seed {seed}".removeprefix(", ") if len(seeds) > 1 else label


def _published(run: PublishedRun) -> dict[Phase, Sequence[Artifact]]:
    return {phase: run.artifacts(phase) for phase in run.phases}


def _label(root: str, name: str, names: Sequence[str], opened: Sequence[PublishedRun]) -> str:
    """The name; the folder where runs share it; the root where they share that as well (copies)."""
    folder = root.rsplit("/", 1)[-1]
    if names.count(name) == 1:
        return name
    return folder if [run.root.rsplit("/", 1)[-1] for run in opened].count(folder) == 1 else root


def finished_summary(run: PublishedRun) -> Summary:
    """The summary of a finished run. Raises InputInvalid if it is not finished, or this is damaged."""
    if _EVALUATION not in run.phases:
        raise InputInvalid(
            f"{run.root} is not finished: it has no {_EVALUATION} yet (it has published"
            f" {', '.join(run.phases)}); let it go on to its end"
        )
    return summary_of(run.artifact(_EVALUATION))


def summary_of(evaluation: Artifact) -> Summary:
    """What an evaluation has published. Raises InputInvalid if it is damaged or of another version."""
    try:
        return Summary.model_validate(evaluation.read_json("summary.json"))
    except ValidationError as error:
        raise InputInvalid(
            f"summary.json of {evaluation.uri} is not one that this version reads: {faults(error, Summary)}"
        ) from None


def compared(label: str, root: str, artifacts: Mapping[Phase, Sequence[Artifact]]) -> ComparedRun:
    """A run of one seed by what its phases published. Raises InputInvalid if something is damaged."""
    (evaluation, *_) = artifacts[_EVALUATION]
    records = {phase: metrics(found) for phase, found in artifacts.items()}
    report, curves = f"{evaluation.uri}/report.html", success_curves(records)
    models = {task: foreign_model(one, task) for one in artifacts["experts"] for task in tasks_of(one)}
    imported = {task.name: model for task, model in models.items() if model}
    return ComparedRun(label, root, report, summary_of(evaluation), curves, imported)
