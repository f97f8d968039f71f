"""`kubectl collectiverun`: the commands that look at runs, of the cluster that kubectl would ask.

kubectl starts the program `kubectl-collectiverun` that it finds in PATH, with its own environment. As with
kubectl itself the namespace is that of the kubeconfig's context unless another is named.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from collectiverun_operator.cli import debug_dump, looking
from collectiverun_operator.cli.looking import AsJSON
from collectiverun_operator.cli.main import print_version, run_app

PROGRAM: Final = "kubectl collectiverun"
_HELP: Final = (
    "Look at the CollectiveRuns of a cluster: phases, members, attempts, logs, and why they stand so."
)

app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the run.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="The run's namespace; else that of the context.")
]


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


@app.command("list")
def list_runs(
    as_json: AsJSON = False,
    namespace: Namespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="The runs of every namespace.")
    ] = False,
) -> None:
    """List runs: state, members done, success, when they began, where they publish."""
    where = None if all_namespaces else _named(namespace)
    looking.list_runs(as_json=as_json, kubernetes=True, namespace=where)


@app.command()
def status(name: Name, as_json: AsJSON = False, namespace: Namespace = None) -> None:
    """Show how a run stands: its phases, their members, their attempts, and why."""
    looking.status(name, as_json=as_json, kubernetes=True, namespace=_named(namespace))


@app.command()
def logs(
    name: Name,
    member: Annotated[
        str | None, typer.Argument(help="A phase, a member, or PHASE/MEMBER; else all of the run.")
    ] = None,
    attempt: Annotated[int | None, typer.Option(help="Number of the attempt, from 1; else the last.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempt ends.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they were written.")] = False,
    namespace: Namespace = None,
) -> None:
    """Print what the attempts of a run wrote."""
    where = _named(namespace)
    looking.logs(name, member, attempt, follow=follow, as_json=as_json, kubernetes=True, namespace=where)


@app.command()
def report(name: Name, as_json: AsJSON = False, namespace: Namespace = None) -> None:
    """Print where a run's report is."""
    looking.report(name, as_json=as_json, kubernetes=True, namespace=_named(namespace))


@app.command("debug-dump")
def dump(
    name: Name,
    output: debug_dump.Output = None,
    as_json: AsJSON = False,
    namespace: Namespace = None,
) -> None:
    """Write an archive for a bug report: the run, its events, ends of its logs, versions; no credentials."""
    debug_dump.debug_dump(name, output, as_json=as_json, kubernetes=True, namespace=_named(namespace))


def _named(namespace: str | None) -> str:
    if namespace is not None:
        return namespace
    from collectiverun_operator.cli import on_a_cluster  # imported late: it takes a second

    return on_a_cluster.namespace_of_context()
