"""The command as the operator and a person run it: exit codes, the result line, words on stderr, signals."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from unit_trainer.storage_places import new_order
from unit_trainer.test_phase_context import encoder_order, publish, published_encoder

from collectiverun_trainer.config import packed
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.order import ORDER_VARIABLE, PhaseOrder, PhaseResult
from collectiverun_trainer.process.command import parse

COMMAND = [sys.executable, "-m", "collectiverun_trainer"]
# Nobody listens on port 1, so storage there is away for as long as one likes.
NOBODY = {"storage": {"endpoint": "http://127.0.0.1:1", "region": "us-east-1"}}


def environment(folder: Path, **variables: str) -> dict[str, str]:
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("COLLECTIVERUN_", "AWS_"))
    }
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    return ours | keys | {"COLLECTIVERUN_RESULT_PATH": str(folder / "result")} | variables


def text(order: PhaseOrder) -> str:
    return order.model_dump_json(by_alias=True)


def run(folder: Path, *arguments: str, stdin: str = "", **variables: str):
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(folder, **variables),
        input=stdin,
        capture_output=True,
        text=True,
    )


def result(folder: Path) -> PhaseResult:
    return PhaseResult.model_validate_json((folder / "result").read_text())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "The following arguments are required: PHASE."),
        (["cooking"], "invalid choice: 'cooking'"),
        (["experts", "--order"], "expected one argument"),
        (["experts"], "There is no phase order: set COLLECTIVERUN_PHASE_ORDER"),
        (
            ["experts", "--order", "/no/such/order.json"],
            "The phase order '/no/such/order.json' cannot be read",
        ),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(tmp_path, arguments, sentence):
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert (result(tmp_path).exit_code, result(tmp_path).reason) == (2, "Usage")
    assert result(tmp_path).message == ended.stderr.strip()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("[]", "the document: Input should be an object"),
        ({"phase": "students"}, "The phase order is for 'students', but the command names 'experts'."),
        ({"tasks": []}, "tasks: name at least one task"),
        ({"tasks": [{"env": "raech-v3"}]}, "tasks.0: unknown task 'raech-v3'; did you mean 'reach-v3'?"),
        ({"params": {"batchSize": "big"}}, "params.batchSize: "),
        ({"surprise": 1}, "surprise: there is no such field; remove it"),
        ({"threds": 1}, "threds: there is no such field; did you mean 'threads'?"),
        ({"params": {"batchsize": 1}}, "params.batchsize: there is no such field; did you mean 'batchSize'?"),
        ({"memberUri": "gs://bucket/x"}, "'gs://bucket/x' is not a storage URI"),
        ({"memberUri": "file:///" + "é" * 900}, "memberUri: over 2048 bytes"),
        ({"storage": {"endpoint": "nowhere"}, "memberUri": "s3://bucket/x"}, "storage.endpoint 'nowhere'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_order_is_one_sentence_with_the_field_and_exit_code_3(tmp_path, change, sentence):
    order = json.loads(text(new_order(f"file://{tmp_path}/member")))
    stdin = change if isinstance(change, str) else json.dumps(order | change)
    ended = run(tmp_path, "experts", "--order", "-", stdin=stdin)
    assert ended.returncode == 3
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert result(tmp_path).reason == "InvalidConfiguration"


@pytest.mark.parametrize("content", ["not JSON", "", '{"phase": ', "[" * 100_000])
def test_an_order_that_is_no_json_is_unreadable(tmp_path, content):
    ended = run(tmp_path, "experts", "--order", "-", stdin=content)
    assert ended.returncode == 2
    assert ended.stderr.startswith("The phase order is not JSON: ")
    assert len(ended.stderr.splitlines()) == 1
    assert result(tmp_path).reason == "Usage"


@pytest.mark.parametrize("value", ["soon", "-1"])
def test_a_wrong_grace_is_named(tmp_path, value):
    ended = run(tmp_path, "experts", COLLECTIVERUN_GRACE_SECONDS=value)
    assert ended.returncode == 3
    assert f"COLLECTIVERUN_GRACE_SECONDS is '{value}'" in ended.stderr


def test_the_help_names_phases_and_exit_codes(tmp_path):
    ended = run(tmp_path, "--help")
    assert ended.returncode == 0
    for word in ("trajectoryTransformer", "143", "COLLECTIVERUN_PHASE_ORDER", "AWS_ACCESS_KEY_ID"):
        assert word in ended.stdout


@pytest.mark.parametrize("way", ["environment", "file", "standard input"])
def test_published_work_is_reported_again(tmp_path, way):
    order = new_order(f"file://{tmp_path}/member")
    published = publish(order)
    document = text(new_order(f"file://{tmp_path}/member", attempt=2))
    (tmp_path / "order.json").write_text(document)
    arguments = {
        "environment": [],
        "file": ["--order", str(tmp_path / "order.json")],
        "standard input": ["--order", "-"],
    }
    variables = {"COLLECTIVERUN_PHASE_ORDER": document} if way == "environment" else {}
    ended = run(tmp_path, "experts", *arguments[way], stdin=document, **variables)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert result(tmp_path) == published
    [line] = [json.loads(line) for line in ended.stdout.splitlines()]
    assert line["kind"] == "log"
    assert "already published" in line["message"]
    assert [path.name for path in (tmp_path / "member").iterdir()] == ["attempt-1"]


def test_by_hand_the_result_is_the_last_line_of_stdout(tmp_path):
    published = publish(new_order(f"file://{tmp_path}/member"))
    variables = environment(tmp_path)
    del variables["COLLECTIVERUN_RESULT_PATH"]
    ended = subprocess.run(
        [*COMMAND, "experts", "--order", "-"],
        input=text(new_order(f"file://{tmp_path}/member")),
        env=variables,
        capture_output=True,
        text=True,
    )
    last = json.loads(ended.stdout.splitlines()[-1])
    assert last.pop("kind") == "result"
    assert PhaseResult.model_validate(last) == published
    assert ended.stderr == ""


@pytest.mark.parametrize("inputs", ["none", "bogus"])
def test_published_work_of_other_inputs_is_exit_code_3(tmp_path, inputs):
    published_encoder(f"file://{tmp_path}", "one")
    bogus = {"member": "one", "uri": f"file://{tmp_path}/none", "tasks": [{"env": "reach-v3"}]}
    order = encoder_order(f"file://{tmp_path}", **({} if inputs == "none" else {"experts": (bogus,)}))
    ended = run(tmp_path, "trajectoryTransformer", "--order", "-", stdin=text(order))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert result(tmp_path).reason == "InvalidConfiguration"
    assert "is already published and was made from other inputs (experts: " in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["cooking"], 2), (["experts", "--order", "published.json"], 0)],
)
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_that_nobody_reads_changes_no_exit_code_and_is_not_complained_of(tmp_path, arguments, code, closed):
    order = new_order(f"file://{tmp_path}/member")
    publish(order)
    (tmp_path / "published.json").write_text(text(order))
    variables = environment(tmp_path)
    del variables["COLLECTIVERUN_RESULT_PATH"]
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    streams |= dict.fromkeys(streams if closed == "both" else [closed], writer)
    ended = subprocess.run([*COMMAND, *arguments], env=variables, cwd=tmp_path, text=True, **streams)
    os.close(writer)
    assert ended.returncode == code
    assert "BrokenPipe" not in (ended.stderr or "")
    assert "Traceback" not in (ended.stderr or "")


def test_a_missing_input_is_exit_code_4(tmp_path):
    reference = {
        "member": "reach-v3-sawyer",
        "uri": f"file://{tmp_path}/none",
        "tasks": [{"env": "reach-v3"}],
    }
    order = new_order(
        f"file://{tmp_path}/member",
        phase="trajectoryTransformer",
        member="all",
        inputs={"experts": [reference]},
    )
    ended = run(tmp_path, "trajectoryTransformer", "--order", "-", stdin=text(order))
    assert ended.returncode == 4
    assert result(tmp_path).reason == "InputInvalid"
    assert f"{tmp_path}/none has no _SUCCESS: it was never committed" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_storage_that_stays_away_is_exit_code_5(tmp_path):
    order = new_order("s3://bucket/member", **NOBODY)
    ended = run(
        tmp_path, "experts", "--order", "-", stdin=text(order), COLLECTIVERUN_STORAGE_RETRY_SECONDS="1"
    )
    assert ended.returncode == 5
    assert result(tmp_path).reason == "StorageUnavailable"
    assert "Storage failed for 1 seconds at s3://bucket/member (endpoint http://127.0.0.1:1)" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("folder", ["/proc/runs", "/sys/runs", "/dev/null/runs"])
def test_storage_that_can_not_be_written_is_found_before_anything_trains(tmp_path, folder):
    order = new_order(f"file://{folder}/experts")
    ended = run(tmp_path, "experts", "--order", "-", stdin=text(order))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert result(tmp_path).reason == "StorageRefused"
    assert f"file://{folder}/experts/trial-of-" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("is_published", [True, False])
def test_a_full_disk_is_found_before_anything_trains_and_does_not_matter_once_all_is_published(
    tmp_path, is_published
):
    order = new_order(f"file://{tmp_path}/member")
    if is_published:
        publish(order)
    variables = environment(tmp_path, COLLECTIVERUN_STORAGE_RETRY_SECONDS="0")
    del variables["COLLECTIVERUN_RESULT_PATH"]
    ended = subprocess.run(
        [*COMMAND, "experts", "--order", "-"],
        input=text(order),
        env=variables,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, last["reason"]) == (
        (0, "Succeeded") if is_published else (5, "StorageUnavailable")
    )
    assert '"kind": "progress"' not in ended.stdout


def test_a_mistake_of_the_program_is_exit_code_1_with_its_trace(tmp_path):
    # The registry names a module that is not there: a mistake as a programmer makes it.
    program = (
        "import sys; from collectiverun_trainer import __main__, phases;"
        "phases.page_name = lambda phase: 'forgotten'; sys.exit(__main__.main(sys.argv[1:]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "experts", "--order", "-"],
        input=text(new_order(f"file://{tmp_path}/member")),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert result(tmp_path).reason == "ModuleNotFoundError"
    assert "forgotten" in result(tmp_path).message


def waiting(folder: Path, grace_seconds: str) -> subprocess.Popen[str]:
    """A process that waits for storage, long enough for any signal."""
    process = subprocess.Popen(
        [*COMMAND, "experts", "--order", "-"],
        env=environment(
            folder,
            COLLECTIVERUN_GRACE_SECONDS=grace_seconds,
            COLLECTIVERUN_STORAGE_RETRY_SECONDS="3000",
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(text(new_order("s3://bucket/member", **NOBODY)))
    process.stdin.close()
    while "retrying" not in process.stdout.readline():
        assert process.poll() is None
    return process


def test_storage_that_is_tried_again_is_a_log_line_that_says_so(tmp_path):
    process = waiting(tmp_path, grace_seconds="0")
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    process.kill()
    assert (line["kind"], line["level"], line["retrying"]) == ("log", "warning", True)
    assert line["message"].startswith("Storage failed at s3://bucket/member: ")
    assert line["message"].endswith("; it is tried again for up to 3000 s.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_when_the_grace_runs_out_the_process_ends_and_says_so(tmp_path, number):
    process = waiting(tmp_path, grace_seconds="0.2")
    process.send_signal(number)
    assert process.wait() == 143
    assert result(tmp_path).reason == "Stopped"
    assert f"the grace of 0.2 seconds after {number.name} ran out" in result(tmp_path).message


def test_a_second_signal_ends_at_once(tmp_path):
    process = waiting(tmp_path, grace_seconds="3000")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 143
    assert "came a second time" in result(tmp_path).message


def test_an_environment_that_forbids_films_is_told_at_the_start_of_any_phase(tmp_path):
    order = new_order(f"file://{tmp_path}/run/encoder", phase="trajectoryTransformer")
    ended = run(tmp_path, "trajectoryTransformer", "--order", "-", stdin=text(order), MUJOCO_GL="nvidia")
    assert ended.stderr.startswith("The report will have no films: MUJOCO_GL is 'nvidia'")
    assert result(tmp_path).reason == "InputInvalid"  # it went on to read what is not there


def test_a_long_order_may_be_packed_and_a_damaged_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    order = new_order("memory://packed")
    monkeypatch.setenv(ORDER_VARIABLE, packed(text(order)))
    assert parse(["experts"]) == order
    for damaged in (packed(text(order))[:-8], "gzip:!", "gzip:AAAA"):
        monkeypatch.setenv(ORDER_VARIABLE, damaged)
        with pytest.raises(Usage, match="The phase order is not JSON: "):
            parse(["experts"])
