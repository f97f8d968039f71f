"""Compare finished runs: the numbers, and a page of them if one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collectiverun_trainer.commands.pages import folder_uri, write_page
from collectiverun_trainer.commands.requests import CompareRequest
from collectiverun_trainer.comparison.reading import read_runs
from collectiverun_trainer.learned.published_run import open_published


def run(request: CompareRequest) -> dict[str, Any]:
    """The comparison as a document; with a page also `output`, where that is."""
    runs = read_runs([open_published(one.run, one.storage) for one in request.runs])
    # Imported late, when the runs are known to be comparable: SciPy's statistics take half a second.
    from collectiverun_trainer.comparison.comparing import compare

    comparison = compare(runs)
    answer = comparison.model_dump(by_alias=True, mode="json")
    if request.output is None:
        return answer
    from collectiverun_trainer.comparison.page import render  # imported late: it draws

    path = Path(request.output)
    write_page(path, render(comparison, folder_uri(path)))
    return answer | {"output": str(path)}
