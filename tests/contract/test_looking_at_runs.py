"""`collectiverun list`, `status`, `logs`, `report`: what they print, and that they change nothing."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from contract.collectiverun_command import COMMAND, WAIT_SECONDS, assert_refused, endless_run, has_started
from testbed.waiting import eventually

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)
PHASES = ["experts", "trajectoryTransformer", "onlineDistillation", "refinement", "students", "evaluation"]


def printed(run, *arguments):
    done = run.command(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def documents(run, *arguments):
    return json.loads(printed(run, *arguments, "--json"))


def content(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }


def test_looking_changes_nothing(quickstart):
    before = content(quickstart.cache), content(quickstart.root)
    storage = str(quickstart.root.parents[1])
    for words in (
        ["list"],
        ["list", storage],
        *([word, "quickstart"] for word in ("status", "logs", "report")),
    ):
        printed(quickstart, *words)
    assert (content(quickstart.cache), content(quickstart.root)) == before


def test_the_list_has_each_runs_root(quickstart):
    (run,) = documents(quickstart, "list")
    assert run["root"] == f"file://{quickstart.root}"
    assert (run["namespace"], run["name"], run["state"]) == ("default", "quickstart", "Complete")
    line = printed(quickstart, "list").splitlines()[1]
    assert re.match(r"default/quickstart +Complete +4/4 +\d+/\d+ % +\d+\.\d\d +\d{4}-", line)
    assert line.rstrip().endswith(str(quickstart.root))


def test_the_runs_below_a_root(quickstart):
    storage = quickstart.root.parents[1]
    for root in (storage, f"file://{storage}", storage / "default", quickstart.root):
        (run,) = documents(quickstart, "list", str(root))
        assert (run["name"], run["root"]) == ("quickstart", f"file://{quickstart.root}")
        assert set(run["phases"]) == {"experts", "trajectoryTransformer", "onlineDistillation", "evaluation"}
    (known,) = documents(quickstart, "list")
    assert run["success"]["collective"] == known["success"]["collective"]
    assert run["report"] == known["report"]


def test_the_status_is_a_tree_down_to_the_attempts(quickstart):
    run = documents(quickstart, "status", "quickstart")
    assert [phase["name"] for phase in run["phases"]] == PHASES
    (member,) = run["phases"][0]["members"]
    (attempt,) = member["attempts"]
    assert (attempt["attempt"], attempt["state"], attempt["exitCode"]) == (1, "Succeeded", 0)
    assert attempt["endedTime"] > attempt["startedTime"]
    assert Path(member["uri"].removeprefix("file://"), "_SUCCESS").exists()
    assert run["cpuHours"] == pytest.approx(sum(p["cpuHours"] or 0 for p in run["phases"]), abs=1e-3)
    assert run["cpuHours"] > 0
    text = printed(quickstart, "status", "quickstart")
    assert re.search(r"^experts +Succeeded +\d+:\d\d +\d+:\d\d +\d+/\d+ %", text, re.MULTILINE)
    assert str(quickstart.root) in text


def test_logs_are_told_in_words_or_as_they_were_written(quickstart):
    text = printed(quickstart, "logs", "quickstart", "evaluation")
    assert re.search(r"^\d\d:\d\d:\d\d 100 %, writing the report", text, re.MULTILINE)
    assert "{" not in text
    lines = printed(quickstart, "logs", "quickstart", "evaluation", "--json").splitlines()
    assert {json.loads(line)["kind"] for line in lines} >= {"progress", "metrics"}
    everything = printed(quickstart, "logs", "quickstart")
    headings = re.findall(r"^==> (.+), attempt 1 <==$", everything, re.MULTILINE)
    assert headings == ["experts/group-0", "trajectoryTransformer", "onlineDistillation", "evaluation"]
    assert printed(quickstart, "logs", "quickstart", "experts/group-0", "--follow")


def test_the_report_is_where_it_says(quickstart):
    path = printed(quickstart, "report", "quickstart").strip()
    assert "<html" in Path(path).read_text()[:2000]
    assert documents(quickstart, "report", "quickstart") == {"report": f"file://{path}"}


def test_a_run_under_way_and_one_that_was_killed(quickstart, tmp_path, start_endless):
    path = endless_run(tmp_path)
    driver = start_endless(path)
    eventually(lambda: has_started(path, "experts"), "an attempt of the experts")
    cache = ("--cache", str(tmp_path / "cache"))
    assert documents(quickstart, "list", *cache)[0]["state"] == "Running"
    follower = subprocess.Popen(
        [str(COMMAND), "logs", "tiny", "experts", "--follow", *cache], stdout=subprocess.PIPE, text=True
    )
    assert "experts/" in follower.stdout.readline()
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    follower.communicate(timeout=WAIT_SECONDS)  # it ends with what it follows
    assert follower.returncode == 0
    run = documents(quickstart, "status", "tiny", *cache)
    assert run["state"] == "Interrupted"
    assert "the same `collectiverun run" in run["reason"]
    attempts = [a for phase in run["phases"] for m in phase["members"] for a in m["attempts"]]
    assert {(one["state"], one["reason"]) for one in attempts} == {("Stopped", "DriverLost")}
    refused = quickstart.command("report", "tiny", *cache)
    assert refused.returncode == 4
    assert (
        refused.stderr
        == "default/tiny has no report: it is Interrupted, and its evaluation has not succeeded\n"
    )


def test_names_and_folders_that_are_not_there(quickstart_says, tmp_path):
    wrong = {
        ("status", "quick"): (2, "no run of this machine is called 'quick'; it knows quickstart"),
        ("report", "quick"): (2, "no run of this machine is called 'quick'; it knows quickstart"),
        ("logs", "quickstart", "expert"): (
            2,
            "default/quickstart has no phase or member 'expert'",
        ),
        ("logs", "quickstart", "--attempt", "7"): (4, "default/quickstart has nothing of attempt 7 of any"),
        ("status", "x", "--cache", str(tmp_path)): (
            2,
            f"no run is called 'x': {tmp_path} knows none; a run is",
        ),
        ("list", str(tmp_path)): (4, f"{tmp_path} holds no run that has published anything; give the"),
        ("list", "ftp://x/y"): (3, "'ftp://x/y' is not a storage URI; use s3://bucket/path or file:///path"),
        ("list", "s3://nowhere/x", "--endpoint", "nowhere"): (3, "storage.endpoint "),
        ("status", "quickstart", "--kubernetes"): (5, "there is no kubeconfig at "),
    }
    for words, (code, sentence) in wrong.items():
        assert_refused(quickstart_says(*words), code, sentence)


def test_a_report_that_is_gone_and_a_state_directory_that_is_damaged(quickstart, tmp_path):
    shutil.copytree(quickstart.cache, tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("*/run.json")
    body = json.loads(file.read_text())
    body["status"]["report"] = f"file://{tmp_path}/report.html"
    file.write_text(json.dumps(body))
    cache = ("--cache", str(tmp_path / "cache"))
    gone = quickstart.command("report", "quickstart", *cache)
    assert (gone.returncode, gone.stdout) == (4, "")
    assert gone.stderr == f"the report of default/quickstart is gone: there is no {tmp_path}/report.html\n"
    file.write_text("{")
    listed = quickstart.command("list", *cache)
    assert (listed.returncode, listed.stdout) == (0, "")
    assert f"{file} is damaged" in listed.stderr


def test_two_runs_of_one_name_are_told_apart(quickstart, tmp_path):
    for uid in ("11111111-0000", "22222222-0000"):
        (folder,) = quickstart.cache.glob("*/run.json")
        shutil.copytree(folder.parent, tmp_path / uid)
        body = json.loads((tmp_path / uid / "run.json").read_text())
        body["metadata"]["uid"] = uid
        (tmp_path / uid / "run.json").write_text(json.dumps(body))
    both = quickstart.command("status", "quickstart", "--cache", str(tmp_path))
    assert both.returncode == 2
    assert "2 runs of this machine are called 'quickstart'; say which: quickstart-11111111" in both.stderr
    assert quickstart.command("status", "quickstart-22222222", "--cache", str(tmp_path)).returncode == 0


def test_names_complete_in_a_shell(quickstart):
    asked = {"_COLLECTIVERUN_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    done = quickstart.command(variables=asked | {"COMP_WORDS": "collectiverun status q"})
    assert done.stdout.strip() == "quickstart"
