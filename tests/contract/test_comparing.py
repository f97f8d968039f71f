"""`collectiverun compare`: two finished runs side by side, and what can't be compared."""

import json
import shutil
from pathlib import Path

import pytest
from contract.collectiverun_command import WAIT_SECONDS, assert_refused
from support.command_here import Said

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)


@pytest.fixture
def copied(quickstart, tmp_path):
    """The run again, below another storage root, where it may be damaged."""
    return Path(shutil.copytree(quickstart.root, tmp_path / "default/quickstart-0123abcd"))


def test_two_runs_in_tables_and_as_a_page(quickstart, copied, tmp_path):
    page = tmp_path / "compare.html"
    done = quickstart.command("compare", "quickstart", str(copied), "--output", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["A", quickstart.root.name, "1", str(quickstart.root)] in lines
    assert ["A", copied.name, "1", str(copied)] in lines
    assert any(line[:5] == ["collective", "any", "step", "A", "2"] for line in lines)
    assert lines[-1] == [str(page)]
    assert "</html>" in page.read_text()
    report = next(copied.glob("evaluation/all/attempt-1/*/report.html"))
    assert f'href="{report.relative_to(tmp_path)}"' in page.read_text()


def test_the_document_has_what_the_runs_reached(quickstart, copied):
    done = quickstart.command("compare", str(quickstart.root), f"file://{copied}", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    summary = json.loads(next(copied.glob("evaluation/all/attempt-1/*/summary.json")).read_bytes())
    (one,) = told["configurations"]
    assert [run["label"] for run in one["runs"]] == [quickstart.root.name, copied.name]
    reached = {(row["network"], row["task"]): row["runs"][copied.name] for row in told["success"]}
    for row in summary["tasks"]:
        name = f"{row['task']['env']}-{row['task']['robot']}"
        assert reached["experts", name] == row["scores"]["experts"]
        assert reached["collective", name] == row["scores"]["collective"]
    phases = [cost for cost in told["costs"] if cost["run"] == copied.name]
    assert [cost["phase"] for cost in phases] == [phase["phase"] for phase in summary["phases"]]
    assert sum(cost["cpuHours"] for cost in phases) > 0
    assert {curve["series"] for curve in told["curves"]} == {"collective"}  # scripted experts do not learn
    assert any("with the same seed 1" in note for note in told["notes"])


def test_what_can_not_be_compared(quickstart, quickstart_says, copied, tmp_path):
    root, page = f"file://{quickstart.root}", str(tmp_path / "a.html")
    wrong = {
        ("quickstart",): (2, "compare: runs: one run alone can't be compared"),
        ("quickstart", str(quickstart.root)): (2, f"{root} is named twice"),
        ("quickstart", "quick"): (2, "no run of this machine is called 'quick'; it knows quickstart"),
        ("quickstart", str(tmp_path)): (4, f"file://{tmp_path} holds no finished phase of a run"),
        ("quickstart", str(copied), "--output", "a.pdf"): (2, "compare: output: ends neither in .html"),
        ("quickstart", str(copied), "--output", "/nowhere/a.html"): (2, "compare: output: can't be written"),
    }
    for words, (code, sentence) in wrong.items():
        assert_refused(quickstart_says("compare", *words), code, sentence)
    (summary,) = copied.glob("evaluation/all/attempt-1/*/summary.json")
    summary.write_bytes(summary.read_bytes()[:-1])
    words = ("compare", "quickstart", str(copied), "-o", page)
    assert_refused(quickstart_says(*words), 4, f"file://{summary} is damaged: it has ")
    shutil.rmtree(copied / "evaluation")
    sentence = f"file://{copied} is not finished: it has no evaluation yet (it has published experts, "
    done = quickstart.command(*words)
    assert_refused(Said(done.returncode, done.stdout, done.stderr), 4, sentence)
    assert not Path(page).exists()


def test_an_index_of_the_finished_runs_below_a_root(quickstart, copied, tmp_path):
    unfinished = shutil.copytree(copied, copied.with_name("quickstart-00000000"))
    shutil.rmtree(unfinished / "evaluation")
    page = tmp_path / "index.html"
    done = quickstart.command("list", str(tmp_path), "--html", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{page}: 1 of 2 are finished"
    report = next(copied.glob("evaluation/all/attempt-1/*/report.html"))
    assert f'href="{report.relative_to(tmp_path)}"' in page.read_text()
    assert f"file://{unfinished} is not finished: it has no evaluation yet" in page.read_text()


def test_an_index_that_can_not_be(quickstart, quickstart_says, tmp_path):
    wrong = {
        ("--html", "a.html"): (2, "--html makes a page of the runs below a storage root; name that root"),
        (str(tmp_path), "--html", "a.html"): (4, f"{tmp_path} holds no run that has published anything"),
        (str(quickstart.root), "--html", "a.pdf"): (2, "list: html: ends neither in .html nor in .htm"),
    }
    for words, (code, sentence) in wrong.items():
        assert_refused(quickstart_says("list", *words), code, sentence)
