"""The result line of a phase: what it published, or why it failed."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from collectiverun_trainer.errors import PhaseError
from collectiverun_trainer.order import DEFAULT_RESULT_PATH, RESULT_PATH_VARIABLE, PhaseResult
from collectiverun_trainer.process import output


class ResultLine:
    """Writes the result once, where the operator reads it; run by hand, on stdout."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._lock = threading.Lock()

    def write(self, result: PhaseResult) -> None:
        """Write the result; only the first call counts, because a stop may come while the phase ends."""
        with self._lock:
            if self.exit_code is None:
                self.exit_code = result.exit_code
                _write(result)


def failure(error: PhaseError) -> PhaseResult:
    """Result of a phase that ended with one of our errors."""
    return PhaseResult(exit_code=error.exit_code, reason=error.reason, message=_printable(error))


def unexpected(error: BaseException) -> PhaseResult:
    """Result of a phase that ended with any other error, such as a bug or a lack of memory."""
    return PhaseResult(
        exit_code=1, reason=type(error).__name__, message=_printable(error) + f" [{_place(error)}]"
    )


def _printable(error: BaseException) -> str:
    # A file name that is not valid text would otherwise make the result unwritable.
    return (str(error) or type(error).__name__).encode("utf-8", "backslashreplace").decode()


def _place(error: BaseException) -> str:
    """Innermost file and line."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "no trace"


def _write(result: PhaseResult) -> None:
    path = os.environ.get(RESULT_PATH_VARIABLE)
    # The default is a file that Kubernetes creates; where there is none, it must not be created.
    if path or os.access(DEFAULT_RESULT_PATH, os.W_OK):
        try:
            Path(path or DEFAULT_RESULT_PATH).write_text(result.to_line() + "\n")
            return
        except OSError as error:
            output.say(f"The result cannot be written to {path}: {error}.", sys.stderr)
    output.say(json.dumps({"kind": "result", **json.loads(result.to_line())}))
