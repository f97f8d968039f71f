"""The command `collectiverun`: read a run file, check it, run it on this machine; look at runs.

Exit codes of `run` and `validate`: 0 Complete, 1 Failed, 2 usage or unreadable, 3 a fault in the spec, 130
stopped. Those of the others are in `exit_codes.py`.
"""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, cast

import typer

from collectiverun_operator.cli import comparing, debug_dump, importing, looking, using
from collectiverun_operator.cli.cache_folder import state_folder
from collectiverun_operator.cli.exit_codes import DONE, STOPPED, USAGE, CommandError
from collectiverun_operator.cli.loaded_file import (
    HERE,
    INVALID,
    ON_A_CLUSTER,
    UNREADABLE,
    RunFile,
    Smoke,
    load,
    say,
    stop,
    verdict,
)
from collectiverun_operator.cli.places import anywhere, with_options_of
from collectiverun_operator.cli.printing import print_json
from collectiverun_operator.cli.robots import robots
from collectiverun_operator.cli.run_command import COMPLETE_CODE, ChangedRunError, run_here
from collectiverun_operator.errors import CollectiveRunError, InvalidRun

SMOKE_VERDICT = (
    "A smoke run shows that everything fits together; success, and what is said of it, means nothing."
)

app = typer.Typer(
    help="Collective learning on Meta-World: run a CollectiveRun on this machine, and use what it learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
        sys.exit(commands(prog_name=program, standalone_mode=False))
    except CommandError as error:
        say(str(error), err=True)
        sys.exit(error.exit_code)
    except _UsageError as error:
        if sentence := _usage_sentence(error, program):
            say(sentence, err=True)
        sys.exit(USAGE)


# Of what typer is made on, which is click in some of its versions and its own copy of it in others.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])


def _usage_sentence(error: typer.BadParameter, program: str) -> str:
    """What is wrong, and where to look; empty for a command without arguments, which has shown its help."""
    fault = error.format_message().rstrip(".")
    return f"{fault}. Try '{error.ctx.command_path if error.ctx else program} --help'." if fault else ""


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
    document, parsed = load(file, smoke)
    try:
        code = run_here(document, parsed, cache=cache, as_json=as_json)
        if smoke and code == COMPLETE_CODE:
            say(SMOKE_VERDICT, err=True)
        raise typer.Exit(code)
    except (ChangedRunError, InvalidRun) as error:
        stop(INVALID, str(error))
    except CollectiveRunError as error:
        stop(UNREADABLE, str(error))
    except OSError as error:
        # A write that fails does not know its file: it may have been the output's disk that is full.
        where = error.filename or f"{state_folder(parsed.uid, cache)} or to the output"
        stop(UNREADABLE, f"cannot write to {where}: {error.strerror}; fix this and rerun")


@app.command()
def validate(
    file: RunFile,
    smoke: Smoke = False,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Check by the rules of a cluster, not of this machine.")
    ] = False,
    as_json: looking.AsJSON = False,
) -> None:
    """Only check a run file; every fault is reported with its field."""
    platform = ON_A_CLUSTER if kubernetes else HERE
    if as_json:
        told = verdict(file, smoke, platform)
        print_json(told)
        raise typer.Exit(DONE if told["valid"] else INVALID)
    _, parsed = load(file, smoke, platform)
    say(f"{parsed.namespace}/{parsed.name} is valid: {len(parsed.spec.tasks)} tasks")


_anywhere = with_options_of(anywhere)
app.command("list")(_anywhere(looking.list_runs))
app.command()(_anywhere(looking.status))
app.command()(_anywhere(looking.logs))
app.command()(_anywhere(looking.report))
app.command()(_anywhere(comparing.compare))
app.command("debug-dump")(_anywhere(debug_dump.debug_dump))
app.command()(_anywhere(using.play))
app.add_typer(using.export, name="export")
app.add_typer(importing.imports, name="import")
app.add_typer(robots, name="robots")
