"""docs/operations.md: its commands work in the order given, and its tables say what is so."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from chart.health_page import HealthPage
from chart.rendering import CHART, REPOSITORY, render, variables
from chart.test_dashboard import families
from chart.test_permissions import GRANTED
from chart.test_values import paths_in, values
from support.live_run import HELD
from support.operations_page import PAGE, blocks, yaml_documents
from support.run_bodies import run_body, scripted_run_body
from testbed.cluster.example_run import s3_storage
from testbed.cluster.small_cluster import SmallCluster
from testbed.programs.binaries import kubectl
from testbed.programs.building import release
from testbed.programs.helm import helm

from collectiverun_operator.api.run import Platform, parse_run

LIMIT_SECONDS = 1800


def text():
    return PAGE.read_text()


def table_after(heading):
    """The first column and the second of the table below some words."""
    rows = text().split(heading, 1)[1].split("\n\n", 2)[1].splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split("|"))[:2] for row in rows]


@pytest.fixture
def cluster(tmp_path):
    """One of its own: the page installs the definition, and removes it."""
    with SmallCluster(tmp_path / "cluster", with_crd=False) as cluster:
        yield cluster


@pytest.fixture
def desk(cluster, tmp_path):
    """A folder with the files that the page takes for granted, and an environment with the tools."""
    desk = tmp_path / "desk"
    (desk / "bin").mkdir(parents=True)
    for tool in (helm(), kubectl()):
        (desk / "bin" / tool.name).symlink_to(tool)
    (desk / "charts").symlink_to(REPOSITORY / "charts")
    store = cluster.object_store
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    (desk / "s3.env").write_text("".join(f"{key}={store.environment[key]}\n" for key in keys))
    shutil.copy(cluster.control_plane.certificates.authority, desk / "ca.crt")
    (desk / "run.yaml").write_text(json.dumps(a_lasting_run(store)))
    return desk


def a_lasting_run(store):
    """Its Pods hang, so that it is not over before the page has come to stopping it; they hear no SIGTERM."""
    policy = {"terminationGracePeriodSeconds": 1}
    return scripted_run_body("first", s3_storage(store), podTemplate=HELD, runPolicy=policy)


@pytest.mark.timeout(LIMIT_SECONDS)
def test_every_command_works_in_the_order_given(cluster, desk):
    environment = {
        **os.environ,
        **cluster.environment,
        "PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    assert len(blocks("bash")) > 10
    with HealthPage() as page:
        host, port = (value.split("=")[1] for value in page.values)
        settings = {
            "defaultResources": None,  # a small machine without a GPU
            "tests": {"host": host},
            "healthPort": int(port),
        }
        (desk / "values.yaml").write_text(json.dumps(settings))
        for block in blocks("bash"):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=desk,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    assert cluster.kubectl("get", "crd", "--output", "name") == ""


def parts_of_runs():
    """What a run file may hold as well: YAML of a spec, and no object of its own."""
    return [document["spec"] for document in yaml_documents() if set(document) == {"spec"}]


@pytest.mark.parametrize("part", parts_of_runs(), ids=lambda part: ",".join(part))
def test_every_part_of_a_run_is_valid_on_a_cluster(part):
    body = run_body(metadata={"uid": "0123"}, **part)
    assert parse_run(body, Platform(local=False, image="trainer:1")).name == "demo"


def test_the_values_it_shows_are_accepted_and_its_resources_are_the_charts(tmp_path):
    (shown,) = [document for document in yaml_documents() if "operator" in document]
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(shown))
    given = variables(render(f"--values={file}"))
    assert given["COLLECTIVERUN_IMAGE"] == shown["trainer"]["image"]
    (resources,) = [document for document in yaml_documents() if set(document) == {"requests", "limits"}]
    assert resources == shown["defaultResources"] == values()["defaultResources"]


def test_the_rights_it_lists_are_those_granted():
    listed = {
        resource.split("`")[1]: set(re.findall(r"[a-z]+", verbs.split(";")[0]))
        for resource, verbs in table_after("**The operator** may")
    }
    assert listed == {resource: verbs for (_, resource), verbs in GRANTED.items()}


def test_the_metrics_it_lists_are_those_there_are():
    listed = set(re.findall(r"`(collectiverun_[a-z_]+?)(?:_total)?[{`]", text()))
    assert listed == set(families())


def test_every_link_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text())
    assert targets
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []


def test_every_value_it_names_is_one_of_the_chart():
    for setting in re.findall(r"--set ([\w.]+=\w+)", text()):
        assert render(setting)
    known = set(paths_in(values()))
    tops = {path.split(".")[0] for path in known}
    named = {name for name in re.findall(r"`([a-z]\w*(?:\.\w+)+)", text()) if name.split(".")[0] in tops}
    assert len(named) > 5
    assert named - known == set()


def test_the_releases_of_kubernetes_it_names_are_those_of_the_chart_and_of_the_tests():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (needed,) = re.findall(r"^\| Kubernetes \| (\d+\.\d+) or newer", text(), re.MULTILINE)
    assert chart["kubeVersion"] == f">={needed}.0-0"
    assert f"Tested on {release('kubernetes')} with every change" in text()
