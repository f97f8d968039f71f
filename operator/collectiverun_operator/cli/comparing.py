"""`collectiverun compare`: several finished runs side by side. A process of the trainer does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collectiverun_operator.cli.comparison_tables import comparison_parts
from collectiverun_operator.cli.looking import AsJSON, complete_name
from collectiverun_operator.cli.places import Place
from collectiverun_operator.cli.printing import print_json, print_parts
from collectiverun_operator.cli.trainer_process import ask_trainer
from collectiverun_operator.cli.using import Endpoint, addressed

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN RUN…",
        help="Names of finished runs, or their roots: ./path, /path, file:// or s3://.",
        autocompletion=complete_name,
    ),
]


def compare(
    runs: Runs,
    place: Place,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file to write, with every table and plot.")
    ] = None,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Compare finished runs: success with intervals over seeds, learning, cost, and what differs in specs.

    Runs that differ in their seed alone are seeds of one configuration, and configurations are compared.
    """
    request = {
        "runs": [addressed(run, endpoint, place) for run in runs],
        "output": str(output) if output else None,
    }
    told = ask_trainer("compare", request)
    if as_json:
        print_json(told)
        return
    print_parts(*comparison_parts(told))
