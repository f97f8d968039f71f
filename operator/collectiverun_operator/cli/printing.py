"""What commands that look at runs print: tables and texts for people, JSON for programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from collectiverun_operator.cli.exit_codes import CommandError
from collectiverun_operator.cli.run_command import discard_output

PIPE_WIDTH = 400  # for a program that reads lines none is broken


def print_parts(*parts: RenderableType) -> None:
    """Print tables and texts; where no person reads them no line is broken, and none ends in blanks.

    Raises CommandError if the output can't be written.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        _print(Console(highlight=False), parts)
        return
    lines = io.StringIO()
    _print(Console(highlight=False, file=lines, width=PIPE_WIDTH), parts)
    _write("\n".join(line.rstrip(" ") for line in lines.getvalue().removesuffix("\n").split("\n")))


def print_json(document: object) -> None:
    """Print what a program reads. Raises CommandError if the output can't be written."""
    _write(json.dumps(document, indent=2, ensure_ascii=False))


def _print(console: Console, parts: Sequence[RenderableType]) -> None:
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def _write(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise  # nobody reads any more, which is no fault
    except OSError as error:
        discard_output()
        raise CommandError(f"the output can't be written: {error.strerror}") from None
