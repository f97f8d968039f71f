"""The page opens offline, holds what the summary says, and leaves out what a run did not do."""

from __future__ import annotations

import dataclasses
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import pytest
from PIL import Image
from unit_trainer.example_report import (
    TASKS,
    UNSEEN,
    example_outcomes,
    example_report,
    example_summary,
)

from collectiverun_trainer.config import Task
from collectiverun_trainer.report.headline import findings, headline, percent
from collectiverun_trainer.report.page import Report, render
from collectiverun_trainer.report.summary import by_robot
from collectiverun_trainer.report.video import animate

VOID = {"meta", "img", "br", "source", "use"}


class Page(HTMLParser):
    """Collects what a page refers to and checks that its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.elements: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        names = {"src", "srcset", "href", "xlink:href", "data", "action"}
        self.references += [value or "" for name, value in attrs if name in names]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def html() -> str:
    return render(example_report())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_refers_to_nothing_outside_itself(html: str, page: Page) -> None:
    assert all(reference.startswith(("data:image/webp;base64,", "#")) for reference in page.references)
    assert not {"link", "iframe", "object", "embed"} & set(page.elements)
    assert page.elements.count("script") == 1
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_element_is_closed(page: Page) -> None:
    assert page.open == []


def test_every_internal_reference_has_its_target(html: str, page: Page) -> None:
    wanted = {r[1:] for r in page.references if r.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", html))
    assert wanted
    assert wanted <= set(re.findall(r' id="([^"]+)"', html))


def test_every_colour_exists_in_light_and_dark(html: str) -> None:
    used = set(re.findall(r"var\(--([\w-]+)", html)) - {"tone"}
    light, dark = html.split("@media (prefers-color-scheme: dark)")[:2]
    for scheme in (light, dark.split("* {")[0]):
        assert used <= set(re.findall(r"--([\w-]+):", scheme))


def test_says_what_the_summary_says(page: Page) -> None:
    summary = example_summary()
    assert summary.headline in page.words.replace(" %", "\u00a0%")
    for part in (
        *summary.notes,
        "200 env steps each",
        "default/quickstart",
        summary.run.uid,
        "horizonEnvSteps",
    ):
        assert part in page.words
    for row in summary.tasks:
        assert row.task.env in page.words
    assert "98\u00a0%" in " ".join(page.text)
    assert "89–100" in page.words


def test_a_run_without_optional_phases_has_no_such_sections() -> None:
    full = example_summary()
    networks = ("experts", "collective")
    summary = full.model_copy(
        update={
            "overall": {name: full.overall[name] for name in networks},
            "tasks": tuple(
                row.model_copy(update={"scores": {name: row.scores[name] for name in networks}})
                for row in full.tasks
            ),
            **dict.fromkeys(("holdout", "students", "embedding", "phases", "notes", "findings"), ()),
            "machine": None,
        }
    )
    page = Page(render(Report(summary=summary)))
    headings = page.words
    for absent in ("Students", "Rollouts", "Unseen tasks", "Learning curves", "Does the collective use it?"):
        assert absent not in headings
    assert "What it took" in headings


def test_a_smoke_run_is_called_one_at_the_top_and_nothing_in_it_is_judged() -> None:
    full = example_summary().model_copy(update={"smoke": True})
    summary = full.model_copy(update={"headline": headline(full), "findings": findings(full), "notes": ()})
    words = Page(render(dataclasses.replace(example_report(), summary=summary))).words
    assert words.split("seed 1 ")[1].startswith("A smoke run: it shows that every phase works.")
    for verdict in (
        "needs it",
        "uses it",
        "faster",
        "slowly",
        "never",
        "keeps",
        "no success",
        "held to the end",
    ):
        assert verdict not in words
    assert "What it took" in words


def test_scripted_experts_are_called_scripted() -> None:
    summary = example_summary()
    rows = tuple(row.model_copy(update={"expert_source": "scripted"}) for row in summary.tasks)
    words = Page(render(Report(summary=summary.model_copy(update={"tasks": rows})))).words
    assert "Scripted policies 94" in words.replace("\u00a0", " ")
    assert words.count("scripted") >= len(rows)


def test_text_of_a_run_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>"
    summary = example_summary().model_copy(update={"notes": (evil,), "spec": {"metadata": evil}})
    html = render(Report(summary=summary))
    assert evil not in html
    assert html.count("&lt;script&gt;") == 2


def test_tasks_of_one_robot_are_named_without_it(page: Page) -> None:
    assert "reach-v3-sawyer" not in page.words.split("Artifacts read")[0]
    assert UNSEEN.env in page.words


def test_every_task_has_its_name_on_the_page() -> None:
    names = [f"{name}-v3" for name in ["reach", "push", "door-open", "drawer-open", "window-open"]]
    words = Page(render(example_report([Task(env=name) for name in names]))).words
    assert all(name in words for name in names)


def test_a_video_moves_and_loops(html: str) -> None:
    encoded = re.search(r'<img src="data:image/webp;base64,([^"]+)"', html)
    assert encoded
    picture = Image.open(BytesIO(b64decode(encoded[1])))
    assert (picture.format, getattr(picture, "n_frames", 1), picture.info["loop"]) == ("WEBP", 6, 0)


def test_the_still_picture_is_the_last_frame() -> None:
    import numpy as np

    frames = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    frames[-1] = 200
    still = animate(frames, frames_per_second=10).poster
    assert abs(int(np.asarray(Image.open(BytesIO(still)))[16, 16, 0]) - 200) < 5


def test_the_table_marks_networks_that_did_not_play_a_task(page: Page) -> None:
    rows = [row.scores for row in example_summary().tasks]
    assert [("students" in scores) for scores in rows] == [True] + [False] * (len(TASKS) - 1)
    assert "on 1 of 3 tasks" in page.words


def test_several_robots_have_rows_of_their_own() -> None:
    tasks = (*TASKS, *(task.model_copy(update={"robot": "panda"}) for task in TASKS))
    found = example_outcomes(tasks)
    summary = example_summary(tasks).model_copy(
        update={
            "robots": by_robot(found, tasks),
            "embedding_by_task": {task.name: 0.5 + index / 100 for index, task in enumerate(tasks)},
            "embedding_by_robot": {"sawyer": 0.91, "panda": 0.82},
        }
    )
    words = Page(render(Report(summary))).words
    for robot, scores in summary.robots.items():
        shown = [percent(scores[name].any_step.value).split()[0] for name in ("experts", "collective")]
        assert re.search(f"All with {robot} {shown[0]} % .* {shown[1]} % ", words)
    assert "All with sawyer 91 % All with panda 82 %" in words
    assert f"{tasks[1].name} 51 %" in words


def test_one_robot_has_none(html: str) -> None:
    assert by_robot(example_outcomes(), TASKS) == {}
    assert "All with" not in Page(html).words
