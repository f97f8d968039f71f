"""`collectiverun robots`: the arms a run file may name, and what is wrong with one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from collectiverun_operator.api.robots import RobotModel
from collectiverun_operator.cli.looking import AsJSON
from collectiverun_operator.cli.printing import print_json, print_parts
from collectiverun_operator.cli.trainer_process import TrainerCommandError, ask_trainer
from collectiverun_operator.errors import Fault
from collectiverun_operator.json_types import JSONObject
from collectiverun_trainer.config import Control

FAULTY = 3
"""Exit code of `check` where the model has faults, as of a run file's."""
CONFIG_MAP_BYTES = 2**20
"""The most that an API server takes in a ConfigMap, keys not counted."""

robots = typer.Typer(help="The robots there are, and checks of one's own.", invoke_without_command=True)


@robots.callback()
def list_unless_told_otherwise(context: typer.Context) -> None:
    """The robots there are, and checks of one's own. Without a command: `list`."""
    if context.invoked_subcommand is None:
        list_robots()


@robots.command("list")
def list_robots(
    pictures: Annotated[Path | None, typer.Option(help="Folder to draw each robot into.")] = None,
    as_json: AsJSON = False,
) -> None:
    """The robots that a task of a run file may name."""
    told = ask_trainer("robots", {"pictures": str(pictures) if pictures else None})
    if as_json:
        print_json(told)
        return
    table = Table("name", "robot", box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for heading in ("joints", "reach", "payload", "mass"):
        table.add_column(heading, justify="right")
    for row in told["robots"]:
        amounts = ((row.get(name), unit) for name, unit in _AMOUNTS.items())
        cells = ["" if amount is None else f"{amount:g} {unit}" for amount, unit in amounts]
        table.add_row(row["name"], row["robot"], str(row["joints"]), *cells)
    aliases = [Text(f"{alias} is another name of {name}") for alias, name in told["aliases"].items()]
    drawn = [Text(f"pictures in {pictures}")] if pictures else []
    print_parts(table, *aliases, *drawn)


_AMOUNTS = {"reachMetres": "m", "payloadKg": "kg", "massKg": "kg"}


@robots.command("check")
def check_robot(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="MJCF file of an arm.")],
    as_json: AsJSON = False,
) -> None:
    """Say in sentences what is wrong with an arm that is to take Sawyer's place."""
    told = ask_trainer("check-robot", {"model": str(model)})
    faults: list[str] = told["faults"]
    if as_json:
        print_json(told)
    else:
        fits = [f"{model} can take Sawyer's place.", *_too_large(told), *told["byJoints"]]
        print_parts(*map(Text, faults or fits))
    if faults:
        raise typer.Exit(FAULTY)


def model_faults(models: Sequence[RobotModel], control: Control) -> tuple[list[Fault], list[Fault]]:
    """What `check` says of the arms that a run brings along, before anything of the run is begun.

    Then what a cluster will say of those for which a ConfigMap is named, too.
    """
    told = [ask_trainer("check-robot", {"model": model.path, "control": control}) for model in models]
    faults = [
        Fault(f"spec.robotModels[{index}].path", sentence)
        for index, one in enumerate(told)
        for sentence in one["faults"]
    ]
    return faults, list(_of_config_maps(models, told))


def faults_of_config_maps(models: Sequence[RobotModel], control: Control, folder: Path) -> list[Fault]:
    """What a cluster will say of the arms whose files are here, too. Their paths are relative to `folder`."""
    return list(_of_config_maps(models, [_told_if_here(model, control, folder) for model in models]))


def _told_if_here(model: RobotModel, control: Control, folder: Path) -> JSONObject:
    """What `check` tells of the file; nothing where there is none, or the trainer is not installed."""
    path = Path(folder, Path(model.path).expanduser())
    if not path.is_file():
        return {}
    try:
        return ask_trainer("check-robot", {"model": str(path), "control": control})
    except TrainerCommandError:
        return {}


def _of_config_maps(models: Sequence[RobotModel], told: Sequence[JSONObject]) -> Iterator[Fault]:
    for index, (model, one) in enumerate(zip(models, told, strict=True)):
        if model.config_map_name:
            texts = (*one.get("faults", ()), *_too_large(one))
            yield from (Fault(f"spec.robotModels[{index}]", text) for text in texts)


def _too_large(told: JSONObject) -> list[str]:
    size = told.get("bytes") or 0
    if size <= CONFIG_MAP_BYTES:
        return []
    return [
        f"{told['model']} and the files it names have {size / 2**20:.1f} MiB: too much for a cluster, where a"
        " ConfigMap holds 1 MiB; there it needs fewer or coarser meshes"
    ]
