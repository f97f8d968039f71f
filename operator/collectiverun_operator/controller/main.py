"""The command `collectiverun-operator`: serve CollectiveRuns on Kubernetes until stopped.

Exit codes: 0 stopped, 1 it can't continue, 2 usage or a bad setting. Every line it writes is a log line.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from importlib.metadata import version
from typing import Annotated

import kopf
import typer

from collectiverun_operator.controller import handlers
from collectiverun_operator.controller.access import refused_watch
from collectiverun_operator.controller.logs import configure_logging
from collectiverun_operator.controller.runtime import OperatorRuntime
from collectiverun_operator.controller.settings import BadSettingError, OperatorSettings, read_settings
from collectiverun_operator.errors import CollectiveRunError

FAILED, USAGE = 1, 2
# Each of these logs the error that ends kopf with its traceback; it is logged once, below.
ECHOES = ("kopf._core.reactor.orchestration", "kopf._core.reactor.running")

_log = logging.getLogger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Entry point."""
    app()


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(version("collectiverun"))
        raise typer.Exit


@app.command()
def serve(
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Serve this namespace; may be repeated. Default: all."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="json or text.")] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Serve CollectiveRuns on Kubernetes. Options win over the environment (COLLECTIVERUN_*)."""
    try:
        settings = read_settings(namespaces=tuple(namespace) if namespace else None, log_format=log_format)
    except BadSettingError as error:
        typer.echo(f"collectiverun-operator: {error}", err=True)
        raise typer.Exit(USAGE) from None
    configure_logging(settings.log_format)
    raise typer.Exit(run(settings))


def run(settings: OperatorSettings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    for name in ECHOES:
        logging.getLogger(name).addFilter(lambda record: not record.exc_info)
    _log.info("collectiverun-operator %s serves %s", version("collectiverun"), _scope(settings))
    try:
        asyncio.run(_serve(settings))
    except asyncio.CancelledError:
        _log.info("stopped before it started")
    except CollectiveRunError as error:
        _log.error("the operator can't start: %s", error)
        return FAILED
    except Exception as error:
        refusal = refused_watch(error)
        _log.error("the operator ends because its watches failed: %s", refusal or error, exc_info=not refusal)
        return FAILED
    _log.info("stopped")
    return 0


async def _serve(settings: OperatorSettings) -> None:
    _stop_on_signals()
    runtime = await OperatorRuntime.start(settings)
    try:
        await kopf.operator(
            standalone=True,
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            memo=kopf.Memo(runtime=runtime),
        )
    finally:
        await runtime.stop()


def _stop_on_signals() -> None:
    """Stop on signals until kopf handles them. Process 1 of a container ignores them by default."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)


def _scope(settings: OperatorSettings) -> str:
    return f"namespaces {', '.join(settings.namespaces)}" if settings.namespaces else "all namespaces"


_ = handlers  # importing it is what registers the handlers
