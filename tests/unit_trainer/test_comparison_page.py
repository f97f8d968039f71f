"""The page of a comparison opens offline and shows what the comparison says."""

from __future__ import annotations

import re

import pytest
from unit_trainer.example_comparison import a_run
from unit_trainer.example_report import TASKS
from unit_trainer.test_report_page import Page

from collectiverun_trainer.comparison.comparing import compare
from collectiverun_trainer.comparison.page import render
from collectiverun_trainer.config import Task
from collectiverun_trainer.report.templating import link

FOLDER = "file:///storage"


@pytest.fixture(scope="module")
def comparison():
    odd = a_run("c", 1, (45, 45, 45), (*TASKS[:2], Task(env="door-open-v3")), image="<b>&")
    return compare([a_run("a", 1), a_run("b", 2, later=500), odd])


@pytest.fixture(scope="module")
def html(comparison):
    return render(comparison, FOLDER)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_it_refers_to_nothing_but_the_reports(html, page):
    links = {reference for reference in page.references if not reference.startswith("#")}
    assert links == {
        f"default/{name}-{seed:08x}/evaluation/all/attempt-1/a/report.html"
        for name, seed in (("a", 1), ("b", 2), ("c", 1))
    }
    assert not {"link", "iframe", "object", "embed", "img"} & set(page.elements)
    assert page.elements.count("script") == 1
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_element_is_closed(page):
    assert page.open == []


def test_what_the_comparison_says_stands_there(comparison, page):
    for sentence in (comparison.headline, *comparison.notes, *comparison.left_out, comparison.method):
        assert " ".join(sentence.split()) in page.words
    assert "spec.tasks" in page.words
    assert "reach-v3-sawyer, drawer-close-v3-sawyer, door-open-v3-sawyer" in page.words
    assert page.words.count("left out") >= 4  # two tasks, two networks
    assert "spec.image not what is learned not set <b>&" in page.words


def test_values_of_a_spec_are_no_markup(html):
    assert "<b>&" not in html.replace("<b>&amp;", "")
    assert "&lt;b&gt;&amp;" in html


def test_there_are_plots_of_aggregates_improvements_and_curves(html):
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert "Mean of success at any step, with 95 % intervals" in labels
    assert "IQM of success at the end, with 95 % intervals" in labels
    assert "Probability of improvement of success at the end, with 95 % intervals" in labels
    assert "Collective while learning: All shared tasks" in labels
    assert len(labels) == len(set(labels))


def test_a_report_in_other_storage_is_named_and_not_linked():
    assert link("s3://bucket/runs/report.html", FOLDER) == ""
    assert link("file:///elsewhere/report.html", FOLDER) == "../elsewhere/report.html"
    assert link("file:///storage/a run#1/report.html", FOLDER) == "a%20run%231/report.html"
    assert link("s3://bucket/runs/one/report.html", "s3://bucket/runs/two/page") == "../../one/report.html"
    assert link("s3://other/runs/report.html", "s3://bucket/runs") == ""
