"""Run files as commands take them: read, checked, with smoke budgets if asked for; faults end the command."""

from __future__ import annotations

from collections.abc import Mapping
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


def load(source: str, smoke: bool, platform: Platform = HERE) -> tuple[dict[str, object], CollectiveRun]:
    """The run file's document and the run it describes; any fault ends the command."""
    try:
        document = read_run_file(source)
        document = (
            with_absolute_paths(document, folder_of(source)) if platform.local else _as_applied(document)
        )
        shrunk = with_smoke_budgets(document) if smoke else document
        parsed = parse_run(shrunk, platform)
        notes = _checked_models(parsed, folder_of(source), platform)
    except InvalidRun as error:
        if platform.local:
            error = _with_spellings(error, spellings_of_storage(document))
        count = f"{len(error.faults)} faults" if len(error.faults) > 1 else "one fault"
        stop(INVALID, f"{source} has {count}:\n{error}")
    except CollectiveRunError as error:
        stop(UNREADABLE, str(error))
    if lowered := list(lowered_budgets(document, shrunk)):
        say("\n  ".join(["--smoke lowers these budgets of the file:", *lowered]), err=True)
    for advised in (*advice(parsed.spec), *notes):
        say(f"note: {advised}", err=True)
    return shrunk, parsed


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
