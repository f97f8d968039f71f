"""A comparison as data: what `collectiverun compare --json` prints, and all that its page and tables show."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from collectiverun_trainer.config import Model
from collectiverun_trainer.report.summary import Score

Network = Literal["experts", "collective", "students", "controls", "unseen"]
"""`unseen`: the collective on tasks that no phase trained on."""
Notion = Literal["any_step", "at_end"]
"""Success at any env step of an episode, or at its last one."""


class Estimate(Model):
    """A figure with its 95 % interval; None where one run alone tells of no spread."""

    value: float
    low: float | None = None
    high: float | None = None


class RunEntry(Model):
    """One of the runs that are compared."""

    label: str = Field(description="Its name, or the name of its folder where two share a name.")
    seed: int
    root: str
    report: str = Field(description="URI of its own report.")


class Configuration(Model):
    """Runs of one configuration: seeds of it."""

    name: str = Field(description="A, B, … in the order in which they were given.")
    runs: tuple[RunEntry, ...]


class Difference(Model):
    """A field of the spec that is not the same in all runs."""

    field: str = Field(description="Path such as spec.phases.experts.params.discount.")
    makes_configurations: bool = Field(
        description="False: where and how a run is carried out, which does not tell configurations apart."
    )
    values: dict[str, tuple[Any, ...]] = Field(
        description="By configuration: each different value; null where the field is not set."
    )


class TaskScores(Model):
    """What each run's network reached on one task."""

    network: Network
    task: str
    is_shared: bool = Field(description="Whether all runs have it; only then it counts in the aggregates.")
    runs: dict[str, Score] = Field(description="By label of the run.")


class Aggregate(Model):
    """A configuration's success over the tasks that all runs share."""

    network: Network
    notion: Notion
    configuration: str
    runs: int
    tasks: int
    mean: Estimate
    iqm: Estimate = Field(description="Interquartile mean.")


class Improvement(Model):
    """How likely a run of a configuration does better than one of the first."""

    network: Network
    notion: Notion
    configuration: str
    over: str
    probability: Estimate


class MeanCurve(Model):
    """Any-step success on selection goals while learning, as the mean over a configuration's runs."""

    series: str
    task: str | None = Field(description="None: over all tasks that the runs share.")
    configuration: str
    env_steps: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


class PhaseHours(Model):
    """What a phase of a run took: of the work its results are made of."""

    phase: str
    run: str
    cpu_hours: float
    gpu_hours: float
    env_steps: int


class Comparison(Model):
    """Everything."""

    headline: str
    subject: str = Field("", description="The run, where all that is compared are seeds of one; else empty.")
    smoke: bool
    configurations: tuple[Configuration, ...]
    differences: tuple[Difference, ...]
    success: tuple[TaskScores, ...]
    overall: tuple[Aggregate, ...]
    improvement: tuple[Improvement, ...]
    curves: tuple[MeanCurve, ...]
    costs: tuple[PhaseHours, ...]
    left_out: tuple[str, ...] = Field(description="What only some runs have, in sentences.")
    notes: tuple[str, ...] = Field(description="What to know before these numbers are trusted.")
    method: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The runs, in the order of their configurations."""
        return tuple(run.label for one in self.configurations for run in one.runs)
