"""Runs one phase: phase order in, artifact and result line out, exit code for the operator."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from collectiverun_trainer import phases
from collectiverun_trainer.errors import PhaseError, Stopped
from collectiverun_trainer.order import PhaseOrder, PhaseResult
from collectiverun_trainer.process import command, memory, output, result, stopping
from collectiverun_trainer.process.reporter import Reporter
from collectiverun_trainer.process.stopping import SignalStopFlag, StopFlag

if TYPE_CHECKING:
    from collectiverun_trainer.process.progress_bar import TerminalBar

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: Sequence[str]) -> int:
    """Run the phase that the command line names; the result line is written however the run ends."""
    line = result.ResultLine()
    try:
        outcome = _run(arguments, line)
    except PhaseError as error:
        output.say(error, sys.stderr)
        outcome = result.failure(error)
    except Exception as error:
        output.say(traceback.format_exc(), sys.stderr)
        outcome = result.unexpected(error)
    finally:
        output.flush()
    line.write(outcome)
    return outcome.exit_code


def _run(arguments: Sequence[str], line: result.ResultLine) -> PhaseResult:
    stop = SignalStopFlag(_ender(line), stopping.grace_seconds_of_environment())
    stop.install()  # first of all: process 1 of a container ignores a signal that has no handler
    order = command.parse(arguments)
    bar = _terminal_bar(order.phase)
    reporter = Reporter(bar=bar)
    logging.getLogger("collectiverun_trainer").addHandler(_LogLines(reporter))
    try:
        return _work(order, reporter, stop)
    finally:
        if bar:
            bar.close()


def _terminal_bar(phase: str) -> TerminalBar | None:
    """A progress bar if stderr is a terminal."""
    if not sys.stderr.isatty():
        return None
    from collectiverun_trainer.process.progress_bar import TerminalBar  # imported late: it loads rich

    return TerminalBar(phase)


def _work(order: PhaseOrder, reporter: Reporter, stop: StopFlag) -> PhaseResult:
    # The libraries read these when they are loaded, so they must not be imported earlier.
    os.environ |= dict.fromkeys(_THREAD_VARIABLES, str(order.threads))
    from collectiverun_trainer.artifacts import commits, leftovers, trial
    from collectiverun_trainer.phases import preparation
    from collectiverun_trainer.process import device

    device.configure_arithmetic(order.threads)
    work = preparation.prepare(order, reporter, stop)
    if earlier := commits.earlier_result(work.storage, order, work.config):
        reporter.log(f"This work is already published at {earlier.uri}; its result is reported again.")
        return earlier
    trial.require_writable(work.storage, order, work.pod)
    _warn_of_films()
    leftovers.abort_cut_off_uploads(work.storage, order)
    done = phases.load(order.phase)(work)
    taken = {"peak_memory_bytes": memory.peak_bytes() or None, "cpu_seconds": round(time.process_time(), 1)}
    return done.model_copy(update=taken)


def _warn_of_films() -> None:
    """Told in the first phase already, not after the last expert is trained."""
    from collectiverun_trainer.environments.rendering import unusable_wish

    if fault := unusable_wish():
        logging.getLogger(__name__).warning("The report will have no films: %s.", fault)


def _ender(line: result.ResultLine) -> Callable[[str], None]:
    """A function that ends the process at once with a result line that says why."""

    def end(why: str) -> None:
        error = Stopped(f"Ended at once because {why}; the next attempt resumes from the last checkpoint.")
        output.say(error, sys.stderr)
        line.write(result.failure(error))
        os._exit(line.exit_code or 0)

    return end


class _LogLines(logging.Handler):
    """Emits the program's log records as JSON lines on stdout, warnings on stderr as well."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        retrying = getattr(record, "retrying", False)
        self._reporter.log(message, record.levelname.lower(), retrying=retrying)
        if record.levelno >= logging.WARNING:
            output.say(message, sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
