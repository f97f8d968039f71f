"""`kubectl collectiverun`: the commands that look at runs, of the cluster that kubectl would ask.

kubectl starts the program `kubectl-collectiverun` that it finds in PATH, with its own environment. As with
kubectl itself the namespace is that of the kubeconfig's context unless another is named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

import typer

from collectiverun_operator.cli import debug_dump, looking
from collectiverun_operator.cli.looking import AsJSON, Name
from collectiverun_operator.cli.main import print_version, run_app
from collectiverun_operator.cli.places import Cluster, Place, on_the_cluster, with_options_of

PROGRAM: Final = "kubectl collectiverun"
_HELP: Final = (
    "Look at the CollectiveRuns of a cluster: phases, members, attempts, logs, and why they stand so."
)

app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def main() -> None:
    """Entry point."""
    run_app(app, PROGRAM)


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def list_runs(
    place: Place,
    as_json: AsJSON = False,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="The runs of every namespace.")
    ] = False,
) -> None:
    """List runs: state, members done, success, when they began, where they publish."""
    if all_namespaces and isinstance(place, Cluster):
        place = replace(place, namespace=None)
    looking.list_runs(place, as_json=as_json)


def report(name: Name, place: Place, as_json: AsJSON = False) -> None:
    """Print where a run's report is."""
    looking.report(name, place, as_json=as_json)


_on_the_cluster = with_options_of(on_the_cluster)
app.command("list")(_on_the_cluster(list_runs))
app.command()(_on_the_cluster(looking.status))
app.command()(_on_the_cluster(looking.logs))
app.command()(_on_the_cluster(report))
app.command("debug-dump")(_on_the_cluster(debug_dump.debug_dump))
