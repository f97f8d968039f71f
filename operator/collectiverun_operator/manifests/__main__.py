"""`python -m collectiverun_operator.manifests [--check]`: write the generated files, or fail on drift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collectiverun_operator.manifests.files import generated_files


def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file differs.")] = False,
    root: Annotated[Path, typer.Option(help="The repository.", file_okay=False, exists=True)] = Path(),
) -> None:
    """Write the custom resource definition, the chart's copy of it, and the reference of its fields."""
    stale = {path: text for path, text in generated_files().items() if _read(root / path) != text}
    if check and stale:
        typer.echo(f"not as generated: {', '.join(stale)}; run `make manifests`", err=True)
        raise typer.Exit(1)
    for path, text in stale.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        typer.echo(f"wrote {path}")


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    typer.run(main)
