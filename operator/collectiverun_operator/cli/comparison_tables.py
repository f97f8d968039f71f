"""How the comparison of runs that the trainer made is shown on a terminal. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from collectiverun_operator.api.outcome import Success
from collectiverun_operator.cli.report import shown_uri
from collectiverun_operator.cli.snapshot import duration_text, success_text
from collectiverun_operator.formatting import percent
from collectiverun_operator.json_types import JSONObject

_NOTIONS: Final = {"any_step": "any step", "at_end": "at end"}
_UNSET: Final = "not set"


def comparison_parts(told: JSONObject) -> Iterator[RenderableType]:
    """Tables with their headings; what to know before they are trusted stands above them."""
    yield Text(told["headline"], style="bold")
    yield from (Text(f"note: {note}") for note in (*told["notes"], *told["leftOut"]))
    yield from _headed("runs", _runs(told))
    if told["differences"]:
        yield from _headed("what differs between them", _differences(told))
    yield from _headed("success, any step/at end", _success(told))
    yield from _headed("over all shared tasks, with 95 % intervals", _overall(told))
    if told["improvement"]:
        first = told["configurations"][0]["name"]
        yield from _headed(f"probability of improvement over {first}", _improvement(told))
    yield from _headed("CPU time/GPU time", _costs(told))
    yield Text(f"\n{told['method']}", style="dim")
    if told.get("output"):
        yield Text(f"\n{told['output']}")


def _headed(heading: str, table: Table) -> tuple[Text, Table]:
    return Text(f"\n{heading}", style="bold"), table


def _runs(told: JSONObject) -> Table:
    table = _table("", "run", "seed", "root", right=("seed",))
    for one in told["configurations"]:
        for run in one["runs"]:
            table.add_row(one["name"], run["label"], str(run["seed"]), shown_uri(run["root"]))
    return table


def _differences(told: JSONObject) -> Table:
    names = [one["name"] for one in told["configurations"]]
    table = _table("", *names)
    for difference in told["differences"]:
        mark = "" if difference["makesConfigurations"] else " *"
        values = ("; ".join(map(_value, difference["values"][name])) for name in names)
        table.add_row(f"{difference['field']}{mark}", *values)
    if not all(difference["makesConfigurations"] for difference in told["differences"]):
        table.caption = "* where and how a run is carried out: does not tell configurations apart"
        table.caption_justify = "left"
    return table


def _success(told: JSONObject) -> Table:
    labels = _labels(told)
    table = _table("", "task", *labels, right=labels)
    last = ""
    for row in told["success"]:
        cells = [_rates(row["runs"].get(label)) for label in labels]
        task = row["task"] if row["isShared"] else f"{row['task']} (left out)"
        table.add_row(row["network"] if row["network"] != last else "", task, *cells)
        last = row["network"]
    return table


def _overall(told: JSONObject) -> Table:
    figures = ("mean", "IQM")
    table = _table("", "success", "", "runs", "tasks", *figures, right=("runs", "tasks", *figures))
    for one in told["overall"]:
        estimates = (_estimate(one[name]) for name in ("mean", "iqm"))
        counts = (str(one["runs"]), str(one["tasks"]))
        table.add_row(one["network"], _NOTIONS[one["notion"]], one["configuration"], *counts, *estimates)
    return table


def _improvement(told: JSONObject) -> Table:
    table = _table("", "success", "", "probability", right=("probability",))
    for one in told["improvement"]:
        chance = _estimate(one["probability"])
        table.add_row(one["network"], _NOTIONS[one["notion"]], one["configuration"], chance)
    return table


def _costs(told: JSONObject) -> Table:
    labels = _labels(told)
    table = _table("", *labels, right=labels)
    by_phase: dict[str, dict[str, JSONObject]] = {}
    for cost in told["costs"]:
        by_phase.setdefault(cost["phase"], {})[cost["run"]] = cost
    for phase, own in by_phase.items():
        table.add_row(phase, *(_spent(own.get(label)) for label in labels))
    return table


def _labels(told: JSONObject) -> list[str]:
    return [run["label"] for one in told["configurations"] for run in one["runs"]]


def _rates(score: JSONObject | None) -> str:
    """`98/93 %`; a dash where a run has none."""
    if score is None:
        return "–"
    any_step, at_end = (score[name]["successes"] / score[name]["episodes"] for name in ("anyStep", "atEnd"))
    return success_text(Success(any_step, at_end))


def _estimate(estimate: JSONObject) -> str:
    """`93 % (90–96)`, bounds rounded outwards as on the page; the figure alone where there is no interval."""
    value = percent(estimate["value"])
    if estimate["low"] is None:
        return value
    low, high = (round(100 * estimate[bound], 6) for bound in ("low", "high"))
    return f"{value} ({math.floor(low)}–{math.ceil(high)})"


def _spent(cost: JSONObject | None) -> str:
    if cost is None:
        return "–"
    times = (duration_text(3600 * cost[unit]) for unit in ("cpuHours", "gpuHours") if cost[unit])
    return "/".join(times)


def _value(value: Any) -> str:
    """A value of a spec; tasks by their names."""
    if value is None:
        return _UNSET
    if isinstance(value, list) and value and all(isinstance(one, dict) and "env" in one for one in value):
        return ", ".join(map(_task, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _task(task: JSONObject) -> str:
    name = "-".join(str(task[key]) for key in ("env", "robot") if task.get(key))
    return f"{name} (holdout)" if task.get("holdout") else name


def _table(*columns: str, right: Iterable[str] = ()) -> Table:
    aligned = set(right)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in aligned else "left", overflow="fold")
    return table
