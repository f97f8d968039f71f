"""A state directory with another run's document in it: the command ends with exit 2 and says what to do."""

import json
import subprocess

from contract.collectiverun_command import COMMAND, tiny_run

from collectiverun_operator.api.run import local_uid


def test_another_runs_document_ends_the_command_with_its_name(tmp_path):
    path = tiny_run(tmp_path)
    folder = tmp_path / "cache" / local_uid("default", "tiny", f"file://{tmp_path}/storage")
    folder.mkdir(parents=True)
    other = {"metadata": {"name": "other", "uid": "x"}, "spec": {}}
    (folder / "run.json").write_text(json.dumps(other))
    command = [COMMAND, "run", "-f", path, "--cache", tmp_path / "cache"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{folder / 'run.json'} is not what was written there (it is of run other" in done.stderr
    assert "Traceback" not in done.stderr
