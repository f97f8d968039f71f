"""Words on stdout and stderr. Where their reader is gone, as after `| head`, the work goes on in silence."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: object, stream: TextIO | None = None) -> None:
    """Write a line, at once; to whatever sys.stdout is at the time if no stream is given."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        _silence(stream or sys.stdout)


def flush() -> None:
    """Write what others left in the buffers, so that the interpreter has nothing to fail on when it exits."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream)


def _silence(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
