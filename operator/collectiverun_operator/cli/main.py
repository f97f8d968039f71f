"""The command `collectiverun`: read a run file, check it, run it on this machine; look at runs.

Exit codes of `run` and `validate`: 0 Complete, 1 Failed, 2 usage or unreadable, 3 a fault in the spec, 130
stopped. Those of the others are in `exit_codes.py`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import uuid4

import typer

from collectiverun_operator.api.advice import advice
from collectiverun_operator.api.run import CollectiveRun, Platform, parse_run
from collectiverun_operator.cli import comparing, debug_dump, looking, using
from collectiverun_operator.cli.cache_folder import state_folder
from collectiverun_operator.cli.exit_codes import STOPPED, CommandError
from collectiverun_operator.cli.robots import model_faults, robots
from collectiverun_operator.cli.run_command import COMPLETE_CODE, ChangedRunError, discard_output, run_here
from collectiverun_operator.cli.run_file import (
    folder_of,
    read_run_file,
    spellings_of_storage,
    with_absolute_paths,
)
from collectiverun_operator.cli.smoke import lowered_budgets, with_smoke_budgets
from collectiverun_operator.errors import CollectiveRunError, Fault, InvalidRun

HERE = Platform()
# On a cluster the installation provides the image, and the API server the uid.
ON_A_CLUSTER = Platform(local=False, image="default")
SMOKE_VERDICT = (
    "A smoke run shows that everything fits together; success, and what is said of it, means nothing."
)
UNREADABLE, INVALID = 2, 3

app = typer.Typer(
    help="Collective learning on Meta-World: run a CollectiveRun on this machine, and use what it learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

RunFile = Annotated[
    str, typer.Option("--file", "-f", help="Run file; - reads standard input.", metavar="FILE")
]
Smoke = Annotated[
    bool,
    typer.Option("--smoke", help="Shrink every budget to seconds, to check that everything fits together."),
]


def main() -> None:
    """Entry point."""
    run_app(app, "collectiverun")


def run_app(commands: typer.Typer, program: str) -> None:
    """Run the command of this process; `program` is how its user calls it. An error is one sentence."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: sys.exit(STOPPED))
    if isinstance(sys.stdout, TextIOWrapper):  # a letter that it has not must not end a run
        sys.stdout.reconfigure(errors="replace")
    try:
        commands(prog_name=program)
    except CommandError as error:
        _say(str(error), err=True)
        sys.exit(error.exit_code)


def print_version(requested: bool) -> None:
    """The version, if it is asked for, and nothing else."""
    if requested:
        typer.echo(version("collectiverun"))
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Collective learning on Meta-World: run a CollectiveRun on this machine, and use what it learned."""


@app.command()
def run(
    file: RunFile,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document at the end, everything else to stderr.")
    ] = False,
    smoke: Smoke = False,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of state directories; else $COLLECTIVERUN_CACHE, else the system's cache."),
    ] = None,
) -> None:
    """Run a run file here, or continue it where it stopped. Ctrl-C stops it at a checkpoint."""
    document, parsed = _load(file, smoke)
    try:
        code = run_here(document, parsed, cache=cache, as_json=as_json)
        if smoke and code == COMPLETE_CODE:
            _say(SMOKE_VERDICT, err=True)
        raise typer.Exit(code)
    except (ChangedRunError, InvalidRun) as error:
        _stop(INVALID, str(error))
    except CollectiveRunError as error:
        _stop(UNREADABLE, str(error))
    except OSError as error:
        # A write that fails does not know its file: it may have been the output's disk that is full.
        where = error.filename or f"{state_folder(parsed.uid, cache)} or to the output"
        _stop(UNREADABLE, f"cannot write to {where}: {error.strerror}; fix this and rerun")


@app.command()
def validate(
    file: RunFile,
    smoke: Smoke = False,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Check by the rules of a cluster, not of this machine.")
    ] = False,
) -> None:
    """Only check a run file; every fault is reported with its field."""
    _, parsed = _load(file, smoke, ON_A_CLUSTER if kubernetes else HERE)
    _say(f"{parsed.namespace}/{parsed.name} is valid: {len(parsed.spec.tasks)} tasks")


app.command("list")(looking.list_runs)
app.command()(looking.status)
app.command()(looking.logs)
app.command()(looking.report)
app.command()(comparing.compare)
app.command("debug-dump")(debug_dump.debug_dump)
app.command()(using.play)
app.add_typer(using.export, name="export")
app.add_typer(robots, name="robots")


def _load(source: str, smoke: bool, platform: Platform = HERE) -> tuple[dict[str, object], CollectiveRun]:
    """The run file's document and the run it describes; any fault ends the command."""
    try:
        document = read_run_file(source)
        document = (
            with_absolute_paths(document, folder_of(source)) if platform.local else _as_applied(document)
        )
        shrunk = with_smoke_budgets(document) if smoke else document
        parsed = parse_run(shrunk, platform)
        if platform.local and (faults := model_faults(parsed.spec.robot_models)):
            raise InvalidRun(faults)
    except InvalidRun as error:
        if platform.local:
            error = _with_spellings(error, spellings_of_storage(document))
        count = f"{len(error.faults)} faults" if len(error.faults) > 1 else "one fault"
        _stop(INVALID, f"{source} has {count}:\n{error}")
    except CollectiveRunError as error:
        _stop(UNREADABLE, str(error))
    if lowered := list(lowered_budgets(document, shrunk)):
        _say("\n  ".join(["--smoke lowers these budgets of the file:", *lowered]), err=True)
    for advised in advice(parsed.spec):
        _say(f"note: {advised}", err=True)
    return shrunk, parsed


def _with_spellings(error: InvalidRun, spellings: Mapping[str, str]) -> InvalidRun:
    """The faults; those of addresses in storage with how they may be written here, if that is known."""
    hints = {path: f"; on this machine write {spelled}" for path, spelled in spellings.items()}
    return InvalidRun([Fault(f.path, f.message + hints.get(f.path, "")) for f in error.faults])


def _as_applied(document: Any) -> Any:
    """The document as the API server returns it: with a uid."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        return document
    return {**document, "metadata": {"uid": str(uuid4()), **document["metadata"]}}


def _stop(code: int, message: str) -> NoReturn:
    _say(message, err=True)
    raise typer.Exit(code)


def _say(text: str, *, err: bool = False) -> None:
    """Print a text; that nobody reads it, or its disk is full, changes no exit code."""
    try:
        typer.echo(text, err=err)
    except OSError:
        discard_output()
