"""The runs that published something below a storage root: `<root>/<namespace>/<name>-<id>/<phase>/…`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.commands.pages import folder_uri, write_page
from collectiverun_trainer.commands.requests import ListRequest
from collectiverun_trainer.config import PHASE_NAMES
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned.addresses import locate
from collectiverun_trainer.learned.published import Published
from collectiverun_trainer.learned.published_run import PublishedRun

if TYPE_CHECKING:
    from collectiverun_trainer.report.index import IndexRow

_FOLDER: Final = re.compile(r"(?P<name>.+)-[0-9a-f]{8}")
_DEPTH: Final = 2  # a namespace, then a run


def run(request: ListRequest) -> dict[str, Any]:
    """`{"runs": […]}`, by namespace and name; with an index page also `html`, where that is."""
    root = request.root if "://" in request.root else f"./{request.root}".replace(".//", "/")
    address = locate(root, request.storage)
    storage = Storage(address.options)
    uris = list(_roots(storage, address.uri, _DEPTH))
    answer: dict[str, Any] = {"runs": [_told(storage, uri) for uri in uris]}
    if request.html is None or not uris:
        return answer
    from collectiverun_trainer.report.index import render  # imported late: only a page needs Jinja

    path = Path(request.html)
    rows, others = _indexed(storage, uris)
    write_page(path, render(address.uri, rows, others, folder_uri(path)))
    return answer | {"html": str(path), "finished": len(rows)}


def _indexed(storage: Storage, uris: Iterable[str]) -> tuple[list[IndexRow], list[str]]:
    """The finished runs, and a sentence about each other one."""
    rows, others = [], []
    for uri in uris:
        try:
            opened = PublishedRun(uri, Published.read(uri, storage))
            rows += [_row(opened.of_seed(seed)) for seed in opened.seeds]
        except InputInvalid as error:
            others.append(str(error))
    return rows, others


def _row(opened: PublishedRun) -> IndexRow:
    # Imported late: the summaries of runs are read for a page alone.
    from collectiverun_trainer.comparison.reading import finished_summary
    from collectiverun_trainer.report.index import IndexRow

    summary = finished_summary(opened)
    return IndexRow(opened.root, f"{opened.artifact('evaluation').uri}/report.html", summary)


def _roots(storage: Storage, uri: str, depth: int) -> Iterator[str]:
    """Folders of runs at a URI or below it: those that hold a folder of a phase."""
    names = storage.list(uri)
    if _FOLDER.fullmatch(uri.rsplit("/", 1)[-1]) and set(names) & set(PHASE_NAMES):
        yield uri
    elif depth:
        for name in names:
            yield from _roots(storage, join(uri, name), depth - 1)


def _told(storage: Storage, uri: str) -> dict[str, Any]:
    namespace, folder = uri.rsplit("/", 2)[-2:]
    match = _FOLDER.fullmatch(folder)
    document: dict[str, Any] = {
        "namespace": namespace,
        "name": match["name"] if match else folder,
        "root": uri,
    }
    try:
        opened = PublishedRun(uri, Published.read(uri, storage))
    except InputInvalid as error:
        return document | {
            "published": "damaged or nothing",
            "phases": [],
            "success": {},
            "fault": str(error),
        }
    found = _reporting(opened)
    return document | {
        "published": "report" if found else f"up to {opened.phases[-1]}",
        "phases": list(opened.phases),
        "seeds": list(opened.seeds),
        "success": _success(opened),
        "report": f"{found.uri}/report.html" if found else None,
    }


def _reporting(opened: PublishedRun) -> Artifact | None:
    """What has the run's report: of several seeds their comparison; None before it."""
    phase = "comparison" if len(opened.seeds) > 1 else "evaluation"
    return opened.artifact(phase) if phase in opened.phases else None


def _success(opened: PublishedRun) -> dict[str, Any]:
    """What the report's phase says of each kind of network; nothing before it."""
    if (found := _reporting(opened)) is None:
        return {}
    result = found.manifest["result"]
    kinds = {"collective": "success", "experts": "experts", "students": "students"}
    return {kind: result[key] for kind, key in kinds.items() if result.get(key)}
