"""What is generated is as the models are now, and of a size and form that Kubernetes and Helm take."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from testbed.programs.helm import helm
from typer.testing import CliRunner

from collectiverun_operator.manifests.__main__ import main
from collectiverun_operator.manifests.crd import custom_resource_definition
from collectiverun_operator.manifests.files import CRD_FILE, REFERENCE_FILE, TEMPLATE_FILE, generated_files

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "collectiverun-operator"
OLDEST = "1.30.0"


def manifests(*options):
    """What the command does, without the time its process takes to start."""
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(option) for option in options])


def template(*options):
    command = [helm(), "template", "it", CHART, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(*options):
    done = template(*options)
    assert done.returncode == 0, done.stderr
    found = [entry for entry in yaml.safe_load_all(done.stdout) if entry]
    return [entry for entry in found if entry["kind"] == "CustomResourceDefinition"]


def test_the_committed_files_are_what_the_models_give():
    command = [sys.executable, "-m", "collectiverun_operator.manifests", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", [CRD_FILE, TEMPLATE_FILE, REFERENCE_FILE])
def test_a_file_that_drifted_is_named_and_written_anew(tmp_path, path):
    for name in generated_files():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / path).write_text((ROOT / path).read_text() + "edited\n")
    checked = manifests("--check", "--root", tmp_path)
    assert (checked.exit_code, checked.stderr) == (1, f"not as generated: {path}; run `make manifests`\n")
    assert manifests("--root", tmp_path).stdout == f"wrote {path}\n"
    assert manifests("--check", "--root", tmp_path).exit_code == 0


def test_the_definition_fits_into_the_annotation_of_kubectl_apply():
    """Which holds it as JSON, and may be 262,144 bytes long with all others of an object."""
    assert len(json.dumps(custom_resource_definition())) < 200_000


def test_the_chart_carries_the_definition_and_keeps_it():
    (definition,) = rendered("--kube-version", OLDEST)
    assert definition["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert definition == yaml.safe_load((ROOT / CRD_FILE).read_text())


def test_helm_refuses_servers_that_do_not_know_all_of_the_definition():
    refused = template("--kube-version", "1.29.15")
    assert f"chart requires kubeVersion: >={OLDEST}-0" in refused.stderr


def test_the_definition_can_be_left_out():
    assert rendered("--set", "crd.install=false") == []


def test_the_reference_has_a_row_for_every_field_of_the_spec():
    page = (ROOT / REFERENCE_FILE).read_text()
    for name in ("stopAtSuccess", "embeddingSize", "bonusMinStd", "videoSize", "pendingDeadlineSeconds"):
        assert page.count(f"| `{name}` |") == 1, name


def test_every_link_of_the_reference_leads_somewhere():
    page = (ROOT / REFERENCE_FILE).read_text()
    headings = {
        "".join(character for character in line.lower() if character.isalnum())
        for line in page.splitlines()
        if line.startswith("## ")
    }
    targets = {piece.split(")")[0] for piece in page.split("](#")[1:]}
    assert targets and targets <= headings
