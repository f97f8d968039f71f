"""Where the runs are that a command looks at, here or on a cluster, and the options that say so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from collectiverun_operator.cli.cache_folder import cache_folder
from collectiverun_operator.cli.exit_codes import CommandError

Kubernetes = Annotated[
    bool, typer.Option("--kubernetes", help="On the cluster of $KUBECONFIG or ~/.kube/config.")
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="With --kubernetes: the run's namespace; else `default`, or all."),
]
OwnNamespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="The run's namespace; else that of the context.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig; else its own.")]
KubeconfigFile = Annotated[
    str | None, typer.Option("--kubeconfig", metavar="FILE", help="Kubeconfig in place of $KUBECONFIG.")
]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder of state directories; else $COLLECTIVERUN_CACHE, else the system's cache."),
]


@dataclass(frozen=True)
class ThisMachine:
    """The runs whose state directories lie in a folder."""

    cache: Path


@dataclass(frozen=True)
class Cluster:
    """The runs of a namespace; without one of all, or where a single run is meant of `default`."""

    namespace: str | None
    context: str | None = None
    kubeconfig: str | None = None


Place: TypeAlias = ThisMachine | Cluster


def anywhere(
    kubernetes: Kubernetes = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: KubeconfigFile = None,
    cache: Cache = None,
) -> Place:
    """The place that the options of `collectiverun` choose. Raises CommandError."""
    if kubernetes:
        return Cluster(namespace, context, kubeconfig)
    of_a_cluster = {"--namespace": namespace, "--context": context, "--kubeconfig": kubeconfig}
    for option, value in of_a_cluster.items():
        if value is not None:
            raise CommandError(f"{option} {value} is about a cluster; add --kubernetes to look at one")
    return ThisMachine(cache_folder(cache))


def on_the_cluster(
    namespace: OwnNamespace = None, context: Context = None, kubeconfig: KubeconfigFile = None
) -> Cluster:
    """The place that the options of `kubectl collectiverun` choose: kubectl's own."""
    if namespace is None:
        from collectiverun_operator.cli import on_a_cluster  # imported late: it takes a second

        namespace = on_a_cluster.namespace_of_context(context, kubeconfig)
    return Cluster(namespace, context, kubeconfig)


def with_options_of(
    place_of: Callable[..., Place],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with the options of `place_of` in the place of its parameter `place`."""
    options = inspect.signature(place_of, eval_str=True).parameters

    def given_options(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def asked(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in options}
            command(place=place_of(**chosen), **values)

        own = inspect.signature(command, eval_str=True)
        kept = [parameter for parameter in own.parameters.values() if parameter.name != "place"]
        parameters = [*kept, *options.values()]
        # typer makes options of what it finds here.
        asked.__signature__ = own.replace(parameters=_ordered(parameters))  # type: ignore[attr-defined]
        asked.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return asked

    return given_options


def _ordered(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return [parameter.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters]
