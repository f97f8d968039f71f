"""A run that `collectiverun run` has taken to its end: what it printed and keeps, and what is told later."""

import json
from pathlib import Path

import pytest
import yaml
from contract.collectiverun_command import (
    WAIT_SECONDS,
    commits,
    document,
    finish,
    history,
    start,
    tiny_run,
)

from collectiverun_operator.cluster.local.journal import violations

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has gone through: its file, and what the command printed."""
    path = tiny_run(tmp_path_factory.mktemp("finished"))
    return path, finish(start(path, "--json"))


def edit(path, change):
    body = yaml.safe_load(path.read_text())
    change(body["spec"])
    edited = path.with_name("edited.yaml")
    edited.write_text(yaml.safe_dump(body))
    return edited


def test_a_run_completes_and_prints_one_json_document(finished):
    path, (code, stdout, stderr) = finished
    assert code == 0, stderr
    outcome = document(stdout)
    assert outcome["state"] == "Complete"
    assert outcome["root"].startswith(f"file://{path.parent}/storage/default/tiny-")
    assert set(outcome["success"]) == {"experts", "collective"}
    assert all(
        0 <= rates[rate] <= 1 for rates in outcome["success"].values() for rate in ("anyStep", "atEnd")
    )


def test_every_phase_tells_its_members_and_its_time(finished):
    outcome = document(finished[1][1])
    phases = {phase["name"]: phase for phase in outcome["phases"]}
    assert {name for name, phase in phases.items() if phase["state"] == "Skipped"} == {
        "refinement",
        "students",
    }
    for name in ("experts", "trajectoryTransformer", "onlineDistillation", "evaluation"):
        assert phases[name]["state"] == "Succeeded"
        assert phases[name]["wallSeconds"] > 0
        assert phases[name]["cpuSeconds"] > 0
    assert [member["name"] for member in phases["experts"]["members"]] == [
        "reach-v3-sawyer",
        "door-close-v3-sawyer",
    ]
    assert phases["onlineDistillation"]["envSteps"] > 0


def test_the_report_is_where_the_document_says(finished):
    report = document(finished[1][1])["report"]
    assert report.startswith("file:///")
    assert "<html" in Path(report.removeprefix("file://")).read_text()[:2000]


def test_the_record_proves_that_nothing_ran_twice(finished):
    path, _ = finished
    events = history(path)
    assert violations(events) == []
    assert len(list(commits(path))) == 5
    started = [event for event in events if event["event"] == "podStarted"]
    assert all(event["processId"] and event["startTicks"] for event in started)


def test_the_record_tells_how_much_memory_every_member_has_needed(finished):
    (recorded,) = finished[0].parent.glob("cache/*/run.json")
    phases = json.loads(recorded.read_text())["status"]["phases"]
    peaks = [member["peakMemoryBytes"] for phase in phases for member in phase["members"]]
    assert len(peaks) == 5
    assert min(peaks) > 10 << 20


def test_every_phase_tells_the_cpu_time_that_its_processes_reported(finished):
    (recorded,) = finished[0].parent.glob("cache/*/run.json")
    reported = {p["name"]: p["usedCpuSeconds"] for p in json.loads(recorded.read_text())["status"]["phases"]}
    for phase in document(finished[1][1])["phases"]:
        # Measured to its very end; a process reports whole seconds, and before its libraries are unloaded.
        assert (reported[phase["name"]] > 0) == (phase["state"] == "Succeeded")  # others were skipped
        assert reported[phase["name"]] <= (phase["cpuSeconds"] or 0) + 1


def test_nothing_is_written_outside_storage_and_cache(finished):
    path, _ = finished
    # Another test of this run, which may have been before, wrote the edited file.
    found = {entry.name for entry in path.parent.iterdir()} - {"edited.yaml"}
    assert found == {"cache", "run.yaml", "storage"}


def test_a_finished_run_prints_the_same_again_and_starts_nothing(finished):
    path, (_, stdout, _) = finished
    before = [event for event in history(path) if event["event"] == "podStarted"]
    code, again, _ = finish(start(path, "--json"))
    assert code == 0
    assert document(again) == document(stdout)
    assert [event for event in history(path) if event["event"] == "podStarted"] == before


def test_a_person_gets_tables_and_the_place_of_the_report(finished):
    path, (_, stdout, _) = finished
    code, text, _ = finish(start(path))
    assert code == 0
    assert document(stdout)["report"].removeprefix("file://") in text
    lines = [line.split() for line in text.splitlines()]
    assert ["success", "any", "step", "at", "end"] in lines
    assert any(line[:2] == ["all", "Complete"] for line in lines)


def test_an_immutable_field_that_changed_is_named(finished):
    path, _ = finished

    def change(spec):
        spec["seed"] = 7
        spec["tasks"].reverse()

    code, stdout, stderr = finish(start(edit(path, change)))
    assert (code, stdout) == (3, "")
    told = [line.split(":")[0] for line in stderr.splitlines()]
    assert told == ["spec.seed", "spec.tasks"]
    seed, tasks = stderr.splitlines()
    assert "it was 1: change it back" in seed
    assert tasks.index('"env": "reach-v3"') < tasks.index('"env": "door-close-v3"')
    assert "metadata.name" in stderr


def test_a_field_that_may_change_may(finished):
    path, (_, stdout, _) = finished
    edited = edit(path, lambda spec: spec.update({"runPolicy": {"retries": {"application": 5}}}))
    code, again, stderr = finish(start(edited, "--json"))
    assert code == 0, stderr
    assert document(again) == document(stdout)


def test_artifacts_that_somebody_removed_are_missed_at_once(finished):
    path, _ = finished
    storage = path.parent / "storage"
    storage.rename(path.parent / "moved")
    try:
        code, stdout, stderr = finish(start(path))
    finally:
        (path.parent / "moved").rename(storage)
    assert (code, stdout) == (2, "")
    assert "what this run published is gone" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("pattern", "made_from"),
    [
        ("onlineDistillation", ["onlineDistillation", "evaluation"]),
        ("evaluation/all/attempt-1/*/report.html", ["evaluation"]),
        (
            "experts/reach-v3-sawyer",
            ["experts", "trajectoryTransformer", "onlineDistillation", "evaluation"],
        ),
    ],
    ids=["a phase", "a file", "a member"],
)
def test_a_part_that_somebody_removed_is_missed_by_name(finished, pattern, made_from):
    path, _ = finished
    (lost,) = (path.parent / "storage").glob(f"*/*/{pattern}")
    root = next((path.parent / "storage").glob("*/*"))
    aside = path.parent / "moved"
    lost.rename(aside)
    try:
        code, stdout, stderr = finish(start(path))
    finally:
        aside.rename(lost)
    assert (code, stdout) == (2, "")
    head, *named, advice = stderr.splitlines()
    assert head == "what this run published is gone:"
    assert [line for line in named if line.strip().startswith(str(lost))] == named != []
    left = [f"{root}/{phase}" for phase in made_from if (root / phase) != lost]
    assert all(folder in advice for folder in left)
    assert f"{root}/experts" not in advice or made_from[0] == "experts"


def test_a_finished_run_piped_into_a_reader_that_closes_is_complete_and_quiet(finished):
    path, _ = finished
    for arguments in ((), ("--json",)):
        process = start(path, *arguments)
        process.stdout.close()
        assert process.wait(timeout=WAIT_SECONDS) == 0
        stderr = process.stderr.read()
        process.stderr.close()
        assert "Traceback" not in stderr
        assert "BrokenPipe" not in stderr


def test_a_smoke_run_says_that_its_success_means_nothing(finished):
    assert finished[1][2].splitlines()[-1].endswith("; success, and what is said of it, means nothing.")
