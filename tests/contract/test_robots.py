"""`collectiverun robots`: the arms there are, and what is wrong with one's own."""

import json

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


def test_a_model_is_checked_in_sentences(tmp_path):
    fine = told("check", str(MODELS / "z1.xml"))
    assert (fine.exit_code, fine.stdout) == (0, f"{MODELS / 'z1.xml'} can take Sawyer's place.\n")
    (tmp_path / "arm.xml").write_text((MODELS / "z1.xml").read_text().replace("attachment_site", "wrist"))
    faulty = told("check", str(tmp_path / "arm.xml"))
    assert faulty.exit_code == 3
    assert "attachment_site" in faulty.stdout
    assert json.loads(told("check", str(tmp_path / "arm.xml"), "--json").stdout)["faults"]
