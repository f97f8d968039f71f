"""The model card: what hubs read of a model, and what a person does. All numbers are the evaluation's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from collectiverun_trainer.config.phases import title
from collectiverun_trainer.report.headline import bounds, is_scripted, percent
from collectiverun_trainer.report.summary import Rate, Score, Summary, TaskScores
from collectiverun_trainer.report.templating import duration

_TAGS: Final = ("collectiverun", "reinforcement-learning", "robotics", "multi-task-learning", "meta-world")
_NOTIONS: Final = (
    ("any_step", "success_rate_any_step", "success at any env step"),
    ("at_end", "success_rate_at_end", "success at the last env step"),
)


_ADDRESS: Final = re.compile(r"(?<!\S)(?:[a-z0-9]+://|[.]{0,2}/)[^\s,;]*[^\s,;:.]")
"""Of an earlier run, in notes of phases that reused its work."""


class FilmTold(NamedTuple):
    """What the card says of its film."""

    file: str
    task: str
    goal: int
    outcome: str


def card(summary: Summary, film: FilmTold | None) -> str:
    """README.md: metadata as YAML, then Markdown. Names no folder of the machine it was made on."""
    templates = Environment(
        loader=PackageLoader("collectiverun_trainer.export.hub"),
        autoescape=False,  # Markdown; names of runs and tasks are plain words
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"percent": percent, "duration": duration, "rate": _rate, "phase": title}
    return templates.get_template("card.md.jinja").render(
        metadata=yaml.safe_dump(metadata(summary), sort_keys=False, allow_unicode=True, width=1000),
        summary=summary,
        teachers="Scripted policies" if is_scripted(summary) else "Experts",
        notes=[_ADDRESS.sub("an earlier run", note) for note in summary.notes],
        reused=[name for name, phase in summary.spec.get("phases", {}).items() if phase.get("from")],
        film=film,
    )


def metadata(summary: Summary) -> dict[str, Any]:
    """The front matter of the card; a hub shows the metrics of `model-index` beside the model.

    A smoke run has none: its success means nothing.
    https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    robots = sorted({row.task.robot for row in summary.tasks})
    index = [] if summary.smoke else [{"name": summary.run.name, "results": list(_results(summary))}]
    return {
        "library_name": "collectiverun",
        "pipeline_tag": "reinforcement-learning",
        "tags": [*_TAGS, *robots, *dict.fromkeys(row.task.env for row in summary.tasks)],
    } | ({"model-index": index} if index else {})


def _results(summary: Summary) -> Iterable[dict[str, Any]]:
    seen = summary.tasks
    if len(seen) > 1:
        yield _result(f"all {len(seen)} tasks", "meta-world", summary.overall["collective"])
    for row in seen:
        yield _of_task(row, row.task.name)
    for row in summary.holdout:
        if "collective" in row.scores:
            yield _of_task(row, f"{row.task.name}, unseen in training")


def _of_task(row: TaskScores, name: str) -> dict[str, Any]:
    return _result(name, row.task.env, row.scores["collective"])


def _result(name: str, kind: str, score: Score) -> dict[str, Any]:
    return {
        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
        "dataset": {"name": name, "type": kind},
        "metrics": [
            {"type": metric, "name": words, "value": getattr(score, notion).value, "verified": False}
            for notion, metric, words in _NOTIONS
        ],
    }


def _rate(rate: Rate) -> str:
    """`94 % (84–98)`."""
    return f"{percent(rate.value)} ({bounds(rate.low, rate.high)})"
