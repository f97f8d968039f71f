"""Run files as commands take them: read, checked, with smoke budgets if asked for; faults end the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from uuid import uuid4

import typer

from collectiverun_operator.api.advice import advice
from collectiverun_operator.api.run import CollectiveRun, Platform, parse_run
from collectiverun_operator.cli.robots import faults_of_config_maps, model_faults
from collectiverun_operator.cli.run_command import discard_output
from collectiverun_operator.cli.run_file import (
    folder_of,
    read_run_file,
    spellings_of_storage,
    with_absolute_paths,
)
from collectiverun_operator.cli.smoke import lowered_budgets, with_smoke_budgets
from collectiverun_operator.errors import CollectiveRunError, Fault, InvalidRun
from collectiverun_operator.json_types import JSONObject

HERE: Final = Platform()
# On a cluster the installation provides the image, and the API server the uid.
ON_A_CLUSTER: Final = Platform(local=False, image="default")
UNREADABLE, INVALID = 2, 3

FileOption: Final = typer.Option("--file", "-f", help="Run file; - reads standard input.", metavar="FILE")
RunFile = Annotated[str, FileOption]
Smoke = Annotated[
    bool,
    typer.Option("--smoke", help="Shrink every budget to seconds, to check that everything fits together."),
]


@dataclass(frozen=True)
class Loaded:
    """A run file without a fault, and what there is to be said of it."""

    document: dict[str, object]
    run: CollectiveRun
    lowered: tuple[str, ...]
    """Budgets of the file that a smoke run lowers."""
    notes: tuple[Fault, ...]


def load(source: str, smoke: bool, platform: Platform = HERE) -> tuple[dict[str, object], CollectiveRun]:
    """The run file's document and the run it describes; any fault ends the command."""
    try:
        loaded = _loaded(source, smoke, platform)
    except InvalidRun as error:
        count = f"{len(error.faults)} faults" if len(error.faults) > 1 else "one fault"
        stop(INVALID, f"{source} has {count}:\n{error}")
    except CollectiveRunError as error:
        stop(UNREADABLE, str(error))
    if loaded.lowered:
        say("\n  ".join(["--smoke lowers these budgets of the file:", *loaded.lowered]), err=True)
    for note in loaded.notes:
        say(f"note: {note}", err=True)
    return loaded.document, loaded.run


def verdict(source: str, smoke: bool, platform: Platform = HERE) -> JSONObject:
    """What `load` says, for a program; a file that can't be read ends the command."""
    try:
        loaded = _loaded(source, smoke, platform)
    except InvalidRun as error:
        return {"valid": False, "faults": [asdict(fault) for fault in error.faults]}
    except CollectiveRunError as error:
        stop(UNREADABLE, str(error))
    return {
        "valid": True,
        "faults": [],
        "namespace": loaded.run.namespace,
        "name": loaded.run.name,
        "tasks": [task.name for task in loaded.run.spec.tasks],
        "loweredBudgets": list(loaded.lowered),
        "notes": [asdict(note) for note in loaded.notes],
    }


def _loaded(source: str, smoke: bool, platform: Platform) -> Loaded:
    """The run file. Raises InvalidRun with every fault of it, CollectiveRunError if it can't be read."""
    document = read_run_file(source)
    document = with_absolute_paths(document, folder_of(source)) if platform.local else _as_applied(document)
    shrunk = with_smoke_budgets(document) if smoke else document
    try:
        parsed = parse_run(shrunk, platform)
        notes = _checked_models(parsed, folder_of(source), platform)
    except InvalidRun as error:
        if not platform.local:
            raise
        raise _with_spellings(error, spellings_of_storage(document)) from None
    lowered = tuple(lowered_budgets(document, shrunk))
    return Loaded(shrunk, parsed, lowered, (*advice(parsed.spec), *notes))


def _checked_models(run: CollectiveRun, folder: Path, platform: Platform) -> list[Fault]:
    """What is to be said of the arms that the run brings. Raises InvalidRun if one can't be used here."""
    if not platform.local:
        return faults_of_config_maps(run.spec.robot_models, run.spec.environment.control, folder)
    faults, notes = model_faults(run.spec.robot_models, run.spec.environment.control)
    if faults:
        raise InvalidRun(faults)
    return notes


def _with_spellings(error: InvalidRun, spellings: Mapping[str, str]) -> InvalidRun:
    """The faults; those of addresses in storage with how they may be written here, if that is known."""
    hints = {path: f"; on this machine write {spelled}" for path, spelled in spellings.items()}
    return InvalidRun([Fault(f.path, f.message + hints.get(f.path, "")) for f in error.faults])


def _as_applied(document: Any) -> Any:
    """The document as the API server returns it: with a uid."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        return document
    return {**document, "metadata": {"uid": str(uuid4()), **document["metadata"]}}


def stop(code: int, message: str) -> NoReturn:
    say(message, err=True)
    raise typer.Exit(code)


def say(text: str, *, err: bool = False) -> None:
    """Print a text; that nobody reads it, or its disk is full, changes no exit code."""
    try:
        typer.echo(text, err=err)
    except OSError:
        discard_output()
