"""`collectiverun debug-dump`: what is in the archive of a finished run, and that no credential is."""

import json
import shutil
import tarfile

import pytest
from contract.collectiverun_command import WAIT_SECONDS
from contract.finished_run import FinishedRun

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)
MARK = "Zebra7Crossing"


@pytest.fixture
def marked(quickstart, tmp_path):
    """The run with a harmless word wherever a credential could stand in its state directory."""
    run = FinishedRun(tmp_path)
    shutil.copytree(quickstart.cache, run.cache)
    (path,) = run.cache.glob("*/run.json")
    body = json.loads(path.read_bytes())
    variable = {"name": "SOMETHING", "value": MARK}
    template = {
        "metadata": {"annotations": {"vault": MARK}},
        "spec": {"containers": [{"name": "trainer", "env": [variable], "args": ["--login", MARK]}]},
    }
    body["metadata"]["annotations"] = {"last-applied": json.dumps(variable)}
    body["spec"] |= {"podTemplate": template}
    body["spec"]["phases"]["experts"]["podTemplate"] = template
    body["spec"]["storage"] |= {"endpoint": f"https://me:{MARK}@s3.example.com"}
    path.write_text(json.dumps(body))
    for log in (path.parent / "logs").rglob("attempt-*"):
        with log.open("a") as file:
            file.write(f"{MARK}\nPASSWORD={MARK}\nhttps://me:{MARK}@example.com/?token={MARK}\n")
    return run


def unpacked(path):
    with tarfile.open(path) as archive:
        return {one.name.partition("/")[2]: archive.extractfile(one).read() for one in archive}


def test_no_credential_is_in_it(marked, tmp_path):
    path = tmp_path / "dump.tar.gz"
    secrets = {"AWS_SECRET_ACCESS_KEY": f"{MARK}Aws", "GITHUB_TOKEN": MARK, "KUBECONFIG": f"/{MARK}"}
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\naws_secret_access_key = {MARK}File\n")
    variables = secrets | {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    done = marked.command("debug-dump", "quickstart", "-o", str(path), variables=variables)
    assert done.returncode == 0, done.stderr
    assert MARK not in done.stdout + done.stderr
    found = unpacked(path)
    assert [name for name, content in found.items() if MARK.encode() in content or MARK in name] == []
    assert found["logs/evaluation/all/attempt-1.log"].endswith(
        b"(hidden)\nPASSWORD=(hidden)\nhttps://(hidden)@example.com/?token=(hidden)\n"
    )
    run = json.loads(found["run.json"])
    (container,) = run["spec"]["podTemplate"]["spec"]["containers"]
    assert container["env"] == [{"name": "SOMETHING", "value": "(hidden)"}]
    assert run["spec"]["storage"]["endpoint"] == "https://(hidden)@s3.example.com"
    assert "annotations" not in run["metadata"]


def test_what_is_in_it(quickstart, tmp_path):
    path = tmp_path / "dump.tar.gz"
    done = quickstart.command("debug-dump", "quickstart", "--output", str(path), "--json")
    assert done.returncode == 0, done.stderr
    told, found = json.loads(done.stdout), unpacked(path)
    assert (told["output"], told["missing"]) == (str(path), [])
    assert {one["name"]: one["sizeBytes"] for one in told["files"]} == {n: len(c) for n, c in found.items()}
    run, attempts = json.loads(found["run.json"]), json.loads(found["attempts.json"])
    assert (run["metadata"]["name"], run["status"]["state"]) == ("quickstart", "Complete")
    assert len(run["spec"]["tasks"]) == 2
    assert [phase["name"] for phase in attempts["phases"]] == [p["name"] for p in run["status"]["phases"]]
    assert any(json.loads(line)["event"] == "podEnded" for line in found["journal.jsonl"].splitlines())
    logs = {name.split("/")[1] for name in found if name.startswith("logs/")}
    assert logs == {"experts", "trajectoryTransformer", "onlineDistillation", "evaluation"}
    assert json.loads(found["versions.json"])["collectiverun"]
    machine = json.loads(found["machine.json"])
    assert machine["cores"] >= machine["usableCores"] >= 1
    assert machine["memoryGiB"] > 0
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_left_of_a_damaged_state_directory(marked, tmp_path):
    (file,) = marked.cache.glob("*/run.json")
    content = file.read_text()
    file.write_text(content[: content.rindex('"status"')])
    (log,) = marked.cache.glob("*/logs/evaluation/all/attempt-1.log")
    for name in ("quickstart", f"quickstart-{file.parent.name[:8]}", file.parent.name):
        path = tmp_path / f"{name}.tar.gz"
        done = marked.command("debug-dump", name, "--output", str(path), "--json")
        assert done.returncode == 0, done.stderr
        (sentence,) = json.loads(done.stdout)["missing"]
        assert sentence.startswith(f"run.json, attempts.json: {file} is damaged (")
        found = unpacked(path)
        assert {"journal.jsonl", "versions.json", "machine.json", "logs/evaluation/all/attempt-1.log"} <= {
            *found
        }
        assert not {"run.json", "attempts.json"} & {*found}
        # A variable's value is hidden in logs although the document that sets it can't be parsed.
        assert MARK in log.read_text()
        assert [name for name, content in found.items() if MARK.encode() in content] == []
    missing = marked.command("status", "quickstart")
    assert (missing.returncode, missing.stdout) == (4, "")
    assert missing.stderr.startswith(f"{file} is damaged (")


def test_a_long_log_is_cut_and_it_is_told(marked, tmp_path):
    (log,) = marked.cache.glob("*/logs/evaluation/all/attempt-1.log")
    log.write_text("0123456789\n" * 100_000)
    done = marked.command("debug-dump", "quickstart", "-o", str(tmp_path / "dump.tar.gz"))
    (line,) = (
        line for line in done.stdout.splitlines() if line.startswith("logs/evaluation/all/attempt-1.log")
    )
    assert line.split(maxsplit=3)[1:] == ["256", "KiB", "its end: 256 KiB of 1.0 MiB"]


def test_what_can_not_be_written(quickstart, tmp_path):
    there = tmp_path / "there.tar.gz"
    there.touch()
    wrong = {
        ("quick",): "no run of this machine is called 'quick'; it knows quickstart",
        (
            "quickstart",
            "-o",
            str(there),
        ): f"{there} is there already; remove it, or name another with --output",
        (
            "quickstart",
            "-o",
            "/nowhere/a.tar.gz",
        ): "/nowhere/a.tar.gz can't be written: No such file or directory",
    }
    for words, sentence in wrong.items():
        done = quickstart.command("debug-dump", *words)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{sentence}\n")
    assert there.stat().st_size == 0
