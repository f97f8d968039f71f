"""An index of finished runs as one HTML page that needs nothing else; its table is sorted by a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collectiverun_trainer.report.summary import Summary
from collectiverun_trainer.report.templating import environment, link


@dataclass(frozen=True)
class IndexRow:
    """A finished run: its root, the URI of its report, and its numbers."""

    root: str
    report: str
    summary: Summary

    @property
    def folder(self) -> str:
        """Name of its folder, which tells runs of one name apart."""
        return self.root.rsplit("/", 1)[-1]

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the work its results are made of."""
        return sum(phase.cpu_seconds for phase in self.summary.phases)

    @property
    def gpu_seconds(self) -> float:
        """Time for which that work held a GPU."""
        return sum(phase.gpu_seconds for phase in self.summary.phases)


def render(root: str, rows: Sequence[IndexRow], others: Sequence[str], folder: str) -> str:
    """The page as text.

    Args:
        root: what was looked through.
        rows: the finished runs.
        others: a sentence about each run that is not in the table.
        folder: URI of where the page will lie, for links to the reports.
    """
    templates = environment("collectiverun_trainer.report")
    templates.filters["link"] = lambda uri: link(uri, folder)
    return templates.get_template("index.html.jinja").render(
        root=root,
        rows=rows,
        others=others,
        has_gpu=any(row.gpu_seconds for row in rows),
    )
