"""Pages as they lie on a disk, and a browser to open them with."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browser.chromium import Tab, chromium
from unit_trainer.example_comparison import a_run
from unit_trainer.example_report import TASKS, example_report, example_summary

from collectiverun_trainer.comparison.comparing import compare
from collectiverun_trainer.comparison.page import render as render_comparison
from collectiverun_trainer.config import Task
from collectiverun_trainer.config.names import TASK_NAMES
from collectiverun_trainer.report.index import IndexRow
from collectiverun_trainer.report.index import render as render_index
from collectiverun_trainer.report.page import render as render_report

# An address without a place to break, wider than a phone.
FAR = f"s3://{'a-bucket-of-a-long-name' * 2}/{'and_folders' * 4}/default/{'a_long_name' * 5}-89abcdef"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """One for all tests of a file: a browser takes seconds to begin."""
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page there is, with every section; a report of ten tasks. Reports lie where the index looks."""
    folder = tmp_path_factory.mktemp("pages")
    tasks = [Task(env=env) for env in sorted(TASK_NAMES, key=len)[-10:]]
    report = example_report()
    noted = report.summary.model_copy(update={"notes": (f"Experts reused from {FAR}: reach-v3-sawyer.",)})
    texts = {
        "report": render_report(replace(report, summary=noted)),
        "large": render_report(example_report(tasks)),
        "index": render_index(FAR, _rows(folder), [f"{FAR} is not finished"], folder.as_uri()),
        "comparison": render_comparison(
            compare([a_run("first", 1), a_run("second", 2, (45, 35, 25)), a_run(FAR.rpartition("/")[2], 3)]),
            folder.as_uri(),
        ),
    }
    files = {name: folder / f"{name}.html" for name in texts}
    for name, file in files.items():
        file.write_text(texts[name])
    for row in _rows(folder):
        report = Path(row.report.removeprefix("file://"))
        report.parent.mkdir(parents=True)
        report.write_text(texts["report"])
    return files


def _rows(folder: Path) -> list[IndexRow]:
    """Three runs that are in another order by name, by seed and by what they reach."""
    found = []
    for name, seed, tasks in (
        ("middle", 10, TASKS),
        ("a-run-whose-name-is-not-short", 9, TASKS[:2]),
        ("z", 2, TASKS),
    ):
        summary = example_summary(tasks)
        summary = summary.model_copy(
            update={"run": summary.run.model_copy(update={"name": name}), "seed": seed}
        )
        root = f"file://{folder}/runs/default/{name}-{seed:08x}"
        found.append(IndexRow(root, f"{root}/evaluation/report.html", summary))
    return found
