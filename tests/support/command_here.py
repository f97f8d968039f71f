"""A command in the test's own process: what it prints and its exit code, without the start of a process.

What the trainer does for it is a process of its own as always. That the command as a process does the same,
other tests show.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest


class Said(NamedTuple):
    """How a command has ended, and what it printed."""

    code: int
    output: str
    error: str


def said_here(
    main: Callable[[], None],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Said:
    """What the entry point of a program does with these words, the program's name first."""
    monkeypatch.setattr(sys, "argv", words)
    interrupts = signal.getsignal(signal.SIGINT)
    capfd.readouterr()
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGINT, interrupts)
    said = capfd.readouterr()
    return Said(int(ended.value.code or 0), said.out, said.err)
