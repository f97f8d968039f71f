"""The commands that look at runs and change nothing: list, status, logs, report."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from collectiverun_operator.cli import this_machine
from collectiverun_operator.cli.cache_folder import cache_folder
from collectiverun_operator.cli.exit_codes import CommandError, NotThereError, UnknownRunError
from collectiverun_operator.cli.log_lines import readable
from collectiverun_operator.cli.logs import chosen_attempts, heading, show_files
from collectiverun_operator.cli.places import Cluster, Place, ThisMachine
from collectiverun_operator.cli.printing import print_json, print_parts
from collectiverun_operator.cli.records import AttemptRecord, RunRecord
from collectiverun_operator.cli.report import shown_uri
from collectiverun_operator.cli.run_tree import (
    run_document,
    runs_table,
    status_document,
    status_lines,
)
from collectiverun_operator.cli.stored_runs import list_stored


def complete_name(begun: str) -> list[str]:
    """Names of this machine's runs that begin so, for a shell."""
    known = this_machine.runs_here(cache_folder())
    return sorted({run.name for run in known if isinstance(run, RunRecord) and run.name.startswith(begun)})


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the run; NAME-ID, the name of its folder in storage, where runs share a name.",
        autocompletion=complete_name,
    ),
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_runs(
    place: Place,
    root: Annotated[
        str | None,
        typer.Argument(help="Storage root, s3://… or a folder: the runs that published below it."),
    ] = None,
    as_json: AsJSON = False,
    html: Annotated[
        Path | None, typer.Option(help="With ROOT: write an index page of the finished runs.", metavar="FILE")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="URL of an S3 server other than AWS.")] = None,
) -> None:
    """List the runs of this machine, those below a storage root, or those of a cluster."""
    if root is not None and isinstance(place, Cluster):
        raise CommandError(
            f"--kubernetes lists the runs of a cluster, and {root} is a storage root; name one"
        )
    if root is not None:
        list_stored(root, endpoint, html, as_json=as_json)
        return
    if html is not None:
        raise UnknownRunError("--html makes a page of the runs below a storage root; name that root")
    runs = list(_known_runs(place))
    if as_json:
        print_json([run_document(run) for run in runs])
    elif runs:
        print_parts(runs_table(runs))
    else:
        where = "the cluster" if isinstance(place, Cluster) else str(place.cache)
        typer.echo(f"no run is known to {where}", err=True)


def status(
    name: Name,
    place: Place,
    as_json: AsJSON = False,
) -> None:
    """Show how a run stands: its phases, their members, their attempts, and why."""
    run = find(name, place)
    if as_json:
        print_json(status_document(run))
    else:
        print_parts(*status_lines(run))


def logs(
    name: Name,
    place: Place,
    member: Annotated[
        str | None, typer.Argument(help="A phase, a member, or PHASE/MEMBER; else all of the run.")
    ] = None,
    attempt: Annotated[int | None, typer.Option(help="Number of the attempt, from 1; else the last.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempts end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they were written.")] = False,
) -> None:
    """Print what the attempts of a run wrote."""
    run = find(name, place)
    attempts = chosen_attempts(run, member, attempt)
    printer = _LogPrinter(several=len(attempts) > 1, as_json=as_json)
    if isinstance(place, Cluster):
        _logs_there(run, attempts, printer, follow, place)
        return
    cache = place.cache
    show_files(run, attempts, printer.show, (lambda: _any_runs(run, attempts, cache)) if follow else None)


def report(
    name: Name,
    place: Place,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Print where a run's report is."""
    run = find(name, place)
    uri = run.status.report
    if not uri:
        raise NotThereError(
            f"{run.title} has no report: it is {run.state}, and its evaluation has not succeeded"
        )
    if uri.startswith("file://") and isinstance(place, ThisMachine) and not Path(shown_uri(uri)).is_file():
        raise NotThereError(f"the report of {run.title} is gone: there is no {shown_uri(uri)}")
    if as_json:
        print_json({"report": uri})
    else:
        typer.echo(shown_uri(uri))
    if open_it and not (uri.startswith("file://") and webbrowser.open(uri)):
        raise NotThereError(
            f"no browser of this machine opens {shown_uri(uri)}; fetch it, or open it elsewhere"
        )


def find(name: str, place: Place) -> RunRecord:
    """The run of that name. Raises CommandError."""
    if isinstance(place, Cluster):
        from collectiverun_operator.cli import on_a_cluster  # imported late: nothing else needs its client

        return on_a_cluster.find_there(name, place)
    return this_machine.find_here(place.cache, name)


def _known_runs(place: Place) -> Iterable[RunRecord]:
    if isinstance(place, Cluster):
        from collectiverun_operator.cli import on_a_cluster

        yield from on_a_cluster.runs_there(place)
        return
    for run in this_machine.runs_here(place.cache):
        if isinstance(run, RunRecord):
            yield run
        else:
            typer.echo(str(run), err=True)


def _any_runs(run: RunRecord, attempts: list[AttemptRecord], cache: Path) -> bool:
    """Whether one of the attempts still runs."""
    now = this_machine.find_here(cache, run.uid)
    wanted = {(one.phase, one.member, one.number) for one in attempts}
    return any(
        one.state == "Running" and (one.phase, one.member, one.number) in wanted for one in now.attempts
    )


def _logs_there(
    run: RunRecord, attempts: list[AttemptRecord], printer: _LogPrinter, follow: bool, place: Cluster
) -> None:
    from collectiverun_operator.cli import on_a_cluster

    if follow and len(attempts) > 1:
        raise UnknownRunError("--follow with --kubernetes follows one attempt; name its phase and member")
    for one in attempts:
        on_a_cluster.show_log_there(place, run, one, partial(printer.show, one), follow=follow)


class _LogPrinter:
    """Prints the lines of attempts; above those of another one a heading, if there are several."""

    def __init__(self, *, several: bool, as_json: bool) -> None:
        self._several, self._as_json = several, as_json
        self._last: AttemptRecord | None = None
        self._warnings: set[str] = set()

    def show(self, attempt: AttemptRecord, line: bytes) -> None:
        """Print a line, unless it is for programs or says again what was said."""
        text = line.decode(errors="replace") if self._as_json else readable(line)
        if text is None or (not self._as_json and self._is_said(text)):
            return
        if self._several and not self._as_json and attempt != self._last:
            typer.echo(heading(attempt))
            self._last = attempt
        typer.echo(text)

    def _is_said(self, text: str) -> bool:
        """Whether it is a warning that was shown already: each is written to both streams."""
        _, _, warning = text.partition("warning: ")
        if warning:
            self._warnings.add(warning)
        return text in self._warnings
