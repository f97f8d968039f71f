"""`collectiverun list ROOT`: the runs that published below a storage root. Only the trainer opens storage."""

from __future__ import annotations

from pathlib import Path

import typer

from collectiverun_operator.cli.exit_codes import NotThereError
from collectiverun_operator.cli.printing import print_json, print_parts
from collectiverun_operator.cli.run_tree import stored_runs_table
from collectiverun_operator.cli.trainer_process import ask_trainer
from collectiverun_operator.json_types import JSONObject


def list_stored(root: str, endpoint: str | None, html: Path | None, *, as_json: bool) -> None:
    """Print the runs below a root; with `html` write an index page of those that are finished."""
    request: JSONObject = {"root": root, "storage": {"endpoint": endpoint} if endpoint else {}}
    answer = ask_trainer("list", request | {"html": str(html) if html else None})
    runs = answer["runs"]
    if as_json:
        print_json(runs)
    elif runs:
        print_parts(stored_runs_table(runs))
    if not runs and (html or not as_json):
        raise NotThereError(
            f"{root} holds no run that has published anything; give the storage.uri of a run file"
        )
    if html:
        typer.echo(f"{answer['html']}: {answer['finished']} of {len(runs)} are finished", err=as_json)
