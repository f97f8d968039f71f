"""`collectiverun validate --json`: the verdict on a run file, for a program."""

import json

import pytest
import yaml
from support.run_bodies import run_body, tasks
from typer.testing import CliRunner

from collectiverun_operator.cli.main import app


@pytest.fixture
def said(tmp_path):
    """What `validate` says of a run with these fields of its spec: exit code, output, errors."""

    def validate(*options, name="quickstart", **fields):
        path = tmp_path / "run.yaml"
        storage = {"uri": f"file://{tmp_path}"}
        path.write_text(yaml.safe_dump(run_body(name, storage=storage, **fields)))
        result = CliRunner().invoke(app, ["validate", "-f", str(path), *options])
        return result.exit_code, result.stdout, result.stderr

    return validate


def test_of_a_good_file_it_has_what_a_person_is_told(said):
    phases = {"experts": {"tasksPerJob": 9, "params": {"totalEnvSteps": 10000}}}
    code, output, errors = said("--json", "--smoke", tasks=tasks("reach", "drawer-close"), phases=phases)
    assert (code, errors) == (0, "")
    told = json.loads(output)
    assert (told["valid"], told["faults"]) == (True, [])
    assert (told["namespace"], told["name"]) == ("default", "quickstart-smoke")
    assert told["tasks"] == ["reach-v3-sawyer", "drawer-close-v3-sawyer"]
    assert [note["path"] for note in told["notes"]] == ["spec.phases.experts.tasksPerJob"]
    assert any("totalEnvSteps 10000 → " in line for line in told["loweredBudgets"])


@pytest.mark.parametrize("platform", [[], ["--kubernetes"]])
def test_of_a_faulty_one_every_fault_with_its_field(platform, said):
    faulty = {"name": "A", "tasks": tasks("reech"), "phases": {"experts": {"params": {"typo": 1}}}}
    code, output, errors = said("--json", *platform, **faulty)
    assert (code, errors) == (3, "")
    told = json.loads(output)
    assert told["valid"] is False
    assert {fault["path"] for fault in told["faults"]} >= {"metadata.name", "spec.tasks[0]"}
    _, _, for_a_person = said(*platform, **faulty)
    assert [f"{one['path']}: {one['message']}" for one in told["faults"]] == for_a_person.splitlines()[1:]


def test_of_one_that_is_none_a_sentence(tmp_path):
    result = CliRunner().invoke(app, ["validate", "--json", "-f", str(tmp_path / "none.yaml")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "none.yaml can't be read" in result.stderr
