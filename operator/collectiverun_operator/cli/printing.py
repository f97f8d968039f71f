"""What commands that look at runs print: tables and texts for people, JSON for programs."""

from __future__ import annotations

import json

import typer
from rich.console import Console, RenderableType
from rich.text import Text

PIPE_WIDTH = 400  # for a program that reads lines none is broken


def print_parts(*parts: RenderableType) -> None:
    """Print tables and texts; where no person reads them no line is broken."""
    console = Console(highlight=False)
    if not console.file.isatty():
        console.width = PIPE_WIDTH
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def print_json(document: object) -> None:
    """Print what a program reads."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
