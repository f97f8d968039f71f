"""Run files a person may write by mistake: one clear message each, with the field's path and no traceback."""

import copy
import io
import sys
from pathlib import Path

import pytest
import yaml
from support.run_bodies import REMOVED, run_body, tasks, with_field
from typer.testing import CliRunner

from collectiverun_operator.cli.main import app

GOOD = run_body(
    "quickstart",
    tasks=tasks("reach", "drawer-close"),
    storage={"uri": "file:///tmp/collectiverun"},
    phases={"experts": {"params": {"totalEnvSteps": 10000}}},
)


def changed(path, value):
    """The good run with one field set, or removed."""
    return yaml.safe_dump(with_field(GOOD, path, value))


def check(path):
    return CliRunner().invoke(app, ["validate", "-f", str(path)])


def assert_clear(result, exit_code):
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.strip()
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_the_good_run_is_good(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    result = check(path)
    assert (result.exit_code, result.stdout) == (0, "default/quickstart is valid: 2 tasks\n")


UNREADABLE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "comments only": (b"# nothing here\n", "only comments"),
    "two documents": (yaml.safe_dump_all([GOOD, GOOD]).encode(), "holds 2 documents"),
    "not YAML": (b"spec: {tasks: [\n", "is not YAML: line 2, column 1"),
    "a tab": (b"spec:\n\tseed: 1\n", "line 2, column 1: a tab is not allowed here"),
    "a key twice": (b"spec:\n  seed: 1\n  seed: 2\n", "line 3, column 3: the key 'seed' is given twice"),
    "not text": (b"\xff\xfe\x00\x01", "is not UTF-8 text"),
    "a control character": (b"kind: \x00\n", "is not YAML"),
    "an unknown tag": (b"spec: !!python/object:os.system {}\n", "is not YAML: line 1, column 7"),
    "an unknown alias": (b"spec: *nothing\n", "undefined alias 'nothing'"),
    "an anchor inside itself": (b"spec: &a [*a]\n", "without aliases"),
    "aliases that unfold without end": (
        b"a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 10)) for n in b"bcdefgh"),
        "without aliases",
    ),
    "nested too deep": (b"[" * 5000 + b"]" * 5000, "nested too deep"),
    "too large": (b"#" * (1 << 20) + b"\na: 1\n", "larger than"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_run_file_is_said_to_be_none(kind, tmp_path):
    content, message = UNREADABLE[kind]
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    result = check(path)
    assert_clear(result, 2)
    assert str(path) in result.stderr
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    result = check(tmp_path / "missing.yaml")
    assert_clear(result, 2)
    assert "missing.yaml can't be read: No such file or directory" in result.stderr


def test_a_folder_is_no_run_file(tmp_path):
    result = check(tmp_path)
    assert_clear(result, 2)
    assert "Is a directory" in result.stderr


def test_standard_input_is_named_as_such(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    result = CliRunner().invoke(app, ["validate", "-f", "-"], input="")
    assert_clear(result, 2)
    assert "standard input is empty" in result.stderr


@pytest.mark.parametrize("arguments", [["run"], ["validate"], ["run", "-f", "a", "b"], ["no-such-command"]])
def test_a_wrong_command_line_is_usage(arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2


INVALID = {
    "a list": ("- 1\n", "one mapping"),
    "a sentence": ("hello\n", "one mapping"),
    "another kind": (changed("kind", "Job"), "kind: "),
    "another version": (changed("apiVersion", "v1"), "apiVersion: "),
    "no apiVersion": (changed("apiVersion", REMOVED), "apiVersion: "),
    "an unknown section": (changed("sepc", {}), "sepc: "),
    "no name": (changed("metadata", {}), "metadata.name: "),
    "a huge name": (changed("metadata.name", "n" * 300), "metadata.name: "),
    "a name with capitals": (changed("metadata.name", "Run_1"), "metadata.name: "),
    "a number for a name": (changed("metadata.name", 7), "metadata.name: "),
    "no spec": (changed("spec", REMOVED), "spec: "),
    "a list for a spec": (changed("spec", []), "spec: "),
    "no tasks": (changed("spec.tasks", REMOVED), "spec.tasks: "),
    "an empty list of tasks": (changed("spec.tasks", []), "spec.tasks: "),
    "65 tasks": (changed("spec.tasks", [{"env": "reach-v3"}] * 65), "spec.tasks: "),
    "an unknown task": (changed("spec.tasks.1.env", "drawer-close"), "spec.tasks[1]"),
    "an unknown robot": (changed("spec.tasks.0.robot", "robbie"), "spec.tasks[0]"),
    "a duplicate task": (changed("spec.tasks.1.env", "reach-v3"), "spec.tasks: "),
    "a task that is a string": (changed("spec.tasks.0", "reach-v3"), "spec.tasks[0]: "),
    "no storage": (changed("spec.storage", REMOVED), "spec.storage: "),
    "a URI without a scheme": (changed("spec.storage.uri", "/tmp/runs"), "spec.storage.uri: "),
    "an S3 URI without a bucket": (changed("spec.storage.uri", "s3://"), "spec.storage.uri: "),
    "a scheme there is none for": (changed("spec.storage.uri", "ftp://a/b"), "spec.storage.uri: "),
    "a file URI with a host": (changed("spec.storage.uri", "file://runs/a"), "spec.storage.uri: "),
    "memory on a machine": (changed("spec.storage.uri", "memory://a"), "spec.storage.uri: "),
    "an endpoint that is no URL": (
        changed("spec.storage", {"uri": "s3://bucket", "endpoint": "here"}),
        "spec.storage.endpoint: ",
    ),
    "a Secret on this machine": (
        changed("spec.storage", {"uri": "s3://bucket", "credentials": {"secretRef": {"name": "s"}}}),
        "spec.storage.credentials: ",
    ),
    "a string for a number": (changed("spec.seed", "one"), "spec.seed: "),
    "a number in quotes": (changed("spec.seed", "1"), "spec.seed: "),
    "a negative seed": (changed("spec.seed", -1), "spec.seed: "),
    "an unknown phase": (changed("spec.phases.expert", {}), "spec.phases.expert: "),
    "an unknown parameter": (
        changed("spec.phases.experts.params.learningRat", 0.1),
        "spec.phases.experts.params.learningRat: ",
    ),
    "a parameter of the wrong type": (
        changed("spec.phases.experts.params.batchSize", "many"),
        "spec.phases.experts.params.batchSize: ",
    ),
    "a parameter out of range": (
        changed("spec.phases.experts.params.discount", 1.5),
        "spec.phases.experts.params.discount: ",
    ),
    "a parameter that is no number": (
        changed("spec.phases.experts.params.learningRate", float("nan")),
        "spec.phases.experts.params.learningRate: ",
    ),
    "heads that do not divide the model": (
        changed("spec.phases.trajectoryTransformer", {"params": {"heads": 7}}),
        "spec.phases.trajectoryTransformer.params: ",
    ),
    "experts switched off": (
        changed("spec.phases.experts.enabled", False),
        "spec.phases.experts.enabled: ",
    ),
    "half a decision": (changed("spec.environment", {"actionRepeat": 3}), "spec.environment: "),
    "a quantity that is none": (
        changed("spec.phases.experts.resources", {"limits": {"memory": "much"}}),
        "spec.phases.experts.resources.limits.memory: ",
    ),
    "a deadline of zero": (
        changed("spec.runPolicy", {"activeDeadlineSeconds": 0}),
        "spec.runPolicy.activeDeadlineSeconds: ",
    ),
    "another command": (
        changed("spec.podTemplate", {"spec": {"containers": [{"name": "trainer", "command": ["bash"]}]}}),
        "spec.podTemplate.spec.containers[0].command: ",
    ),
    "a student of a task that is not there": (
        changed("spec.phases.students", {"enabled": True, "params": {"tasks": [{"env": "sweep-v3"}]}}),
        "spec.phases.students.params.tasks[0]: ",
    ),
}


@pytest.mark.parametrize("kind", INVALID)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_fault_in_a_run_file_is_told_with_its_field(kind, command, tmp_path):
    content, path_said = INVALID[kind]
    path = tmp_path / "run.yaml"
    path.write_text(content)
    result = CliRunner().invoke(
        app, [command, "-f", str(path)], env={"COLLECTIVERUN_CACHE": str(tmp_path / "c")}
    )
    assert_clear(result, 3)
    head, *faults = result.stderr.strip().splitlines()
    assert head == f"{path} has one fault:"
    assert len(faults) == 1, faults
    assert path_said in faults[0]
    assert faults[0].startswith(path_said) or path_said == "one mapping"
    assert not Path(tmp_path / "c").exists()


def test_all_faults_are_told_at_once(tmp_path):
    document = copy.deepcopy(GOOD)
    document["metadata"]["name"] = "A"
    document["spec"]["tasks"][0]["env"] = "reach"
    document["spec"]["storage"]["uri"] = "s3://"
    document["spec"]["phases"]["experts"]["params"]["typo"] = 1
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(document))
    result = check(path)
    assert_clear(result, 3)
    assert "4 faults" in result.stderr
    for field in ("metadata.name", "spec.tasks[0]", "spec.storage.uri", "spec.phases.experts.params.typo"):
        assert f"\n{field}" in result.stderr


def test_a_misspelt_name_gets_a_suggestion(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(changed("spec.phases.experts.params.learningRat", 0.1))
    assert "did you mean 'learningRate'?" in check(path).stderr


def test_numbers_are_read_as_kubectl_reads_them(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(GOOD).replace("totalEnvSteps: 10000", "learningRate: 1e-3"))
    assert check(path).exit_code == 0


@pytest.mark.parametrize("uri", ["file://./runs", "file://../runs", "file://."])
def test_a_relative_folder_is_below_the_current_one(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(changed("spec.storage.uri", uri))
    assert check("run.yaml").exit_code == 0


HOME = Path.home().as_posix()


@pytest.mark.parametrize(
    ("uri", "spelled"),
    [
        ("file:///data/my runs", "file:///data/my-runs"),
        ("file:///data/what?#1", "file:///data/what-1"),
        ("file://runs", "file://./runs"),
        ("file://runs/a b", "file://./runs/a-b"),
        ("file://~/runs", f"file://{HOME}/runs"),
        ("~/my runs", f"file://{HOME}/my-runs"),
        ("/data/runs", "file:///data/runs"),
        ("file:/data/runs", "file:///data/runs"),
        ("runs", "file://./runs"),
        ("./runs", "file://./runs"),
        ("../my runs", "file://./../my-runs"),
        ("~nobody/runs", "file://./~nobody/runs"),
        ("file:///data/../runs", "file:///runs"),
        ("s3://bucket/my runs", "s3://bucket/my-runs"),
    ],
)
def test_a_storage_uri_that_can_be_guessed_is_spelled_out_to_be_pasted(uri, spelled, tmp_path):
    assert_spelled_out("spec.storage.uri", uri, spelled, tmp_path / "run.yaml")
    on_a_cluster = CliRunner().invoke(app, ["validate", "--kubernetes", "-f", str(tmp_path / "run.yaml")])
    assert "on this machine" not in on_a_cluster.stderr


def assert_spelled_out(field, given, spelled, path):
    """The value is refused with how it may be written, and that is accepted."""
    path.write_text(changed(field, given))
    refused = check(path)
    assert_clear(refused, 3)
    assert refused.stderr.strip().endswith(f"; on this machine write {spelled}")
    path.write_text(changed(field, spelled))
    assert check(path).exit_code == 0, check(path).stderr


@pytest.mark.parametrize("uri", ["s3://", "file://", "file:///", "ftp://a/b", "memory://a", "", 7, None])
def test_what_can_not_be_guessed_is_not(uri, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(changed("spec.storage.uri", uri))
    assert "on this machine write" not in check(path).stderr


@pytest.mark.parametrize(
    ("address", "spelled"),
    [("runs/a", "file://./runs/a"), ("/data/a", "file:///data/a"), ("a b", "file://./a-b")],
)
def test_an_earlier_run_that_can_be_guessed_is_spelled_out_too(address, spelled, tmp_path):
    assert_spelled_out("spec.phases.experts.from", address, spelled, tmp_path / "run.yaml")
