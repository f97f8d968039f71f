"""Plots are small SVG documents whose colours come from the page and whose text stays text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from collectiverun_trainer.report import plots
from collectiverun_trainer.report.curves import Curve
from collectiverun_trainer.report.summary import Rate

CURVE = Curve("experts", "reach-v3-sawyer", (0, 10_000, 20_000), (0.0, 0.5, 1.0), (0.0, 0.4, 0.9))


def drawn() -> dict[str, str]:
    row = plots.IntervalRow("reach-v3", {"experts": Rate.count(49, 50), "collective": Rate.count(45, 50)})
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    return {
        "intervals": plots.intervals([row], "success & more"),
        "curves": plots.learning_curves([CURVE], "curves"),
        "map": plots.embedding_map(points, np.arange(40) % 4, 4, "map"),
        "symbol": plots.task_symbol(3),
    }


@pytest.mark.parametrize("name", ["intervals", "curves", "map", "symbol"])
def test_is_one_svg_element_in_the_colours_of_the_page(name: str) -> None:
    svg = drawn()[name]
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(--" in svg
    assert not re.search(r"#0[0-9a-f]{2}a5f", svg)
    assert "<metadata" not in svg


def test_text_stays_text() -> None:
    curves, intervals = drawn()["curves"], drawn()["intervals"]
    assert ">env steps a task</text>" in curves
    assert ">reach-v3</text>" in intervals
    assert 'aria-label="success &amp; more"' in intervals


def test_the_same_data_gives_the_same_bytes() -> None:
    assert drawn() == drawn()


def test_two_plots_share_no_identifier() -> None:
    found = [set(re.findall(r' id="([^"]+)"', svg)) for svg in drawn().values()]
    assert sum(len(names) for names in found) == len(set().union(*found))


def test_fifty_tasks_have_different_symbols() -> None:
    styles = [tuple(sorted(plots.task_style(index).items())) for index in range(50)]
    assert len(set(styles)) == 50
