"""`collectiverun robots`: the arms there are, and what is wrong with one's own."""

import json
from pathlib import Path

import pytest
import yaml
from support.run_bodies import run_body, with_field
from typer.testing import CliRunner

from collectiverun_operator.cli.main import app
from collectiverun_trainer.config import ROBOTS
from collectiverun_trainer.environments.robots import MODELS


def told(*words):
    return CliRunner().invoke(app, ["robots", *words])


def test_the_list_has_a_line_for_every_robot():
    lines = told("list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(ROBOTS)]] == list(ROBOTS)
    assert "kuka is another name of iiwa" in lines
    rows = json.loads(told("list", "--json").stdout)["robots"]
    assert {row["name"]: row["joints"] for row in rows}["ur5e"] == 6


def test_without_a_command_they_are_listed():
    bare = told()
    assert (bare.exit_code, bare.stdout) == (0, told("list").stdout)


def test_a_model_is_checked_in_sentences(tmp_path):
    fine = told("check", str(MODELS / "z1.xml"))
    assert (fine.exit_code, fine.stdout) == (0, f"{MODELS / 'z1.xml'} can take Sawyer's place.\n")
    (tmp_path / "arm.xml").write_text((MODELS / "z1.xml").read_text().replace("attachment_site", "wrist"))
    faulty = told("check", str(tmp_path / "arm.xml"))
    assert faulty.exit_code == 3
    assert "attachment_site" in faulty.stdout
    assert json.loads(told("check", str(tmp_path / "arm.xml"), "--json").stdout)["faults"]


IN_S3 = {"uri": "s3://bucket/runs", "credentials": {"secretRef": {"name": "s3"}}}
SAID = (
    "/my-arm.xml and the files it names have 1.2 MiB: too much for a cluster, where a ConfigMap holds 1 MiB;"
    " there it needs fewer or coarser meshes"
)


@pytest.fixture
def large(tmp_path):
    """An arm of 1.2 MiB."""
    arm = Path("examples/robots/my-arm.xml").read_text()
    (tmp_path / "my-arm.xml").write_text(f"{arm}<!--{'x' * (12 * 2**20 // 10)}-->")
    return tmp_path / "my-arm.xml"


def validated(arm, *words, config_map="my-arm", **spec):
    """The notes of `validate` on a run file beside the arm."""
    document = yaml.safe_load(Path("examples/07-my-arm.yaml").read_text())
    document["spec"] |= spec
    document["spec"]["robotModels"] = [{"name": "my-arm", "path": arm.name, "configMapName": config_map}]
    (arm.parent / "run.yaml").write_text(yaml.safe_dump(document))
    done = CliRunner().invoke(app, ["validate", "-f", str(arm.parent / "run.yaml"), *words])
    assert done.exit_code == 0, done.output
    return done.stderr.splitlines()


def test_a_model_that_only_this_machine_takes_is_told(large):
    note = f"note: spec.robotModels[0]: {large.parent}{SAID}"
    assert validated(large)[0] == note
    assert validated(large, "--kubernetes", storage=IN_S3)[0] == note
    assert validated(large, config_map="") == []


def test_what_a_cluster_will_refuse_is_told_where_the_file_is_here(tmp_path):
    arm = tmp_path / "my-arm.xml"
    arm.write_text(Path("examples/robots/my-arm.xml").read_text().replace('"-20 20"', '"0 20"'))
    (told,) = validated(arm, "--kubernetes", storage=IN_S3, environment={"control": "joint"})
    assert told.startswith(
        "note: spec.robotModels[0]: For environment.control joint it lacks the torque limit of forearm_roll,"
    )
    assert validated(arm, "--kubernetes", storage=IN_S3) == []


def test_a_check_tells_of_it_too(large):
    done = told("check", str(large))
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2), done.stdout
    assert done.stdout.replace("\n", " ").strip().endswith(SAID)


def test_what_an_arm_lacks_for_control_by_joints_is_told_and_no_fault(tmp_path):
    arm = tmp_path / "arm.xml"
    arm.write_text((MODELS / "z1.xml").read_text().replace('<numeric name="speed"', '<numeric name="other"'))
    checked = told("check", str(arm))
    assert checked.exit_code == 0
    fits, lacks = checked.stdout.splitlines()
    assert fits == f"{arm} can take Sawyer's place."
    assert lacks.startswith("For environment.control joint it lacks the speed limits (<numeric name=")


def test_a_run_by_joints_refuses_an_arm_that_lacks_it(tmp_path):
    (tmp_path / "arm.xml").write_text((MODELS / "z1.xml").read_text().replace("actuatorfrcrange", "user"))
    body = run_body(
        "mine",
        robotModels=[{"name": "mine", "path": "arm.xml"}],
        tasks=[{"env": "reach-v3", "robot": "mine"}],
        storage={"uri": "file:///tmp/collectiverun"},
        phases={"experts": {"params": {"totalEnvSteps": 10000}}},
    )
    file, results = tmp_path / "run.yaml", {}
    for control in ("hand", "joint"):
        file.write_text(yaml.safe_dump(with_field(body, "spec.environment", {"control": control})))
        results[control] = CliRunner().invoke(app, ["validate", "-f", str(file)])
    assert results["hand"].exit_code == 0
    assert results["joint"].exit_code == 3
    assert "spec.robotModels[0].path: For environment.control joint it lacks the torque limit of" in (
        results["joint"].stderr
    )
