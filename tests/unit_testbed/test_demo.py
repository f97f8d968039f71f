"""`make cluster`, `make cluster-demo` and `make cluster-stop`, with budgets of seconds."""

import pytest
from testbed import ROOT
from unit_testbed.cluster_command import command

pytestmark = pytest.mark.timeout(900)


def test_a_cluster_stays_and_the_demo_on_it_ends_complete(tmp_path):
    folder = tmp_path / "cluster"
    try:
        started = command("up", folder)
        assert started.returncode == 0, started.stderr
        assert started.stdout.startswith("export KUBECONFIG=")
        assert "helm install collectiverun" in started.stderr
        assert command("up", folder).stdout == started.stdout  # it is found again
        shown = command("demo", folder, "--smoke", "--run", ROOT / "examples" / "02-scripted-experts.yaml")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert f"Report: {folder}/report/report.html" in shown.stdout
        assert "<html" in (folder / "report" / "report.html").read_text()
    finally:
        stopped = command("down", folder)
    assert "STATUS: deployed" in shown.stdout
    assert "State: Complete" in shown.stdout
    assert "success         any step    at end" in shown.stdout
    assert (stopped.returncode, folder.exists()) == (0, False)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").touch()
    refused = command("down", tmp_path / "letters")
    assert refused.returncode == 1
    assert "no cluster's: name an empty folder" in refused.stderr
    assert (tmp_path / "letters" / "dear.txt").exists()


def test_nothing_to_stop_is_said(tmp_path):
    stopped = command("down", tmp_path / "nothing")
    assert (stopped.returncode, stopped.stderr.strip()) == (
        0,
        f"No cluster was started in {tmp_path}/nothing.",
    )
