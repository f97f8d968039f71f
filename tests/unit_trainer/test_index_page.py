"""The index of finished runs: what it shows, where it leads, and that it runs its own script alone."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest
from unit_trainer.example_report import example_summary
from unit_trainer.test_report_page import Page

from collectiverun_trainer.report.index import IndexRow, render


def a_row(name: str, storage: str = "file:///storage/runs", **fields: object) -> IndexRow:
    summary = example_summary()
    run = summary.run.model_copy(update={"name": name})
    root = f"{storage}/default/{name}-4b0c7bb2"
    return IndexRow(root, f"{root}/evaluation/report.html", summary.model_copy(update={"run": run, **fields}))


@pytest.fixture(scope="module")
def html() -> str:
    rows = [a_row("quick"), a_row("smoky", smoke=True, seed=3), a_row("far", "s3://bucket/runs")]
    return render("file:///storage/runs", rows, ["a <b>& is not finished"], "file:///storage")


def test_a_report_is_one_click_away_where_a_browser_can_read_it(html: str) -> None:
    page = Page(html)
    assert page.references == [
        f"runs/default/{name}-4b0c7bb2/evaluation/report.html" for name in ("quick", "smoky")
    ]
    assert "s3://bucket/runs/default/far-4b0c7bb2/evaluation/report.html" in page.words
    assert page.open == []


def test_what_is_not_in_the_table_is_told(html: str) -> None:
    assert "a &lt;b&gt;&amp; is not finished" in html


def test_the_only_script_that_may_run_is_its_own(html: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    (allowed,) = re.findall(r"script-src 'sha256-([^']+)'", html)
    assert allowed == b64encode(sha256(script.encode()).digest()).decode()
    assert not re.search(r" on[a-z]+=|javascript:", html)


def test_every_cell_has_what_it_is_sorted_by(html: str) -> None:
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    headings = len(re.findall(r"<th\b", html[: html.index("<tbody>")]))
    cells = re.findall(r"<t[dh][^>]*>", body)
    assert len(cells) == 3 * headings
    assert all("data-value=" in cell for cell in cells)
    summary = example_summary()
    assert f'data-value="{summary.overall["collective"].any_step.value}"' in body
    assert f'data-value="{sum(phase.cpu_seconds for phase in summary.phases)}"' in body
