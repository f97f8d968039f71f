"""A folder for a model hub acts as the run's collective does, and tells nothing of the machine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from phases.small_run import SmallRun
from phases.test_export import ALONE

from collectiverun_trainer.config import PHASE_NAMES
from collectiverun_trainer.errors import InputInvalid
from collectiverun_trainer.learned import open_policy, open_run

# As in test_export: torch's exporter needs a process in which Mesa has not drawn.
EXPORT = (
    "import sys; from collectiverun_trainer.commands.__main__ import main; sys.exit(main(['export-hub']))"
)
WITHOUT_AV = "import sys; sys.modules['av'] = None; "


def exported(root, folder, code=0, program=EXPORT, **request):
    """The answer of the command, which ends with `code`."""
    wish = json.dumps({"run": root, "output": str(folder)} | request)
    done = subprocess.run([sys.executable, "-c", program], input=wish, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run that has gone through all phases, really trained."""
    folder = tmp_path_factory.mktemp("alices-runs") / "default" / "small-01234567"
    run = SmallRun(root=f"file://{folder}", params={"evaluation": {"videos": False}}, spec=SPEC)
    for phase in PHASE_NAMES:
        run.do(phase)
    return run


SPEC = {
    "seed": 1,
    "tasks": [{"env": "reach-v3", "robot": "sawyer"}, {"env": "drawer-close-v3", "robot": "sawyer"}],
    "storage": {"uri": "file:///home/alice/runs"},
    "phases": {"experts": {"params": {"totalEnvSteps": 4000}}, "students": {"enabled": False}},
}


@pytest.fixture(scope="module")
def told(small, tmp_path_factory):
    return exported(small.root, tmp_path_factory.mktemp("hub") / "new")


@pytest.fixture(scope="module")
def folder(told):
    return Path(told["output"])


def test_everything_is_there_and_nothing_was_pushed(told, folder):
    assert told["files"] == [
        *("README.md", "config.json", "model.safetensors"),
        *(f"onnx/{name}" for name in ("act.py", "actor.onnx", "encoder.onnx", "example.json")),
        *("onnx/policy.json", "onnx/policy.schema.json", "replay.mp4", "run.yaml"),
    ]
    assert told["push"] == f"hf upload <user>/small {folder}"
    assert told["film"] == {"file": "replay.mp4", "task": "reach-v3-sawyer", "goal": 0}
    assert b"ftyp" in (folder / "replay.mp4").read_bytes()[:16]


def test_its_network_acts_as_the_runs_own_bit_for_bit(small, folder):
    policy, own = open_policy(folder), open_run(small.root).collective()
    assert (policy.tasks, policy.environment) == (own.tasks, own.environment)
    generator, reward = np.random.default_rng(0), None
    for _ in range(12):
        obs = generator.normal(0.3, 0.3, (3, 39)).astype(np.float32)
        assert np.array_equal(policy.predict(obs, reward)[0], own.predict(obs, reward)[0])
        reward = generator.uniform(0, 10, 3).astype(np.float32)


def test_its_graphs_act_without_torch_and_without_this_project(folder):
    words = [sys.executable, "-c", ALONE, str(folder / "onnx/act.py")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.match(r"\d+ decisions, the largest difference", done.stdout)


def test_no_file_names_a_folder_of_the_machine(folder):
    root = Path(__file__).parents[2]
    private = [str(folder.parents[1]), "alice", str(root), str(Path.home()), sys.prefix]
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [(path.name, word) for path in files for word in private if word.encode() in path.read_bytes()]
    assert found == []
    artifact = json.loads((folder / "onnx/policy.json").read_text())["artifact"]
    assert artifact.startswith("default/small-01234567/refinement/all/")


def test_the_configuration_is_a_run_file(folder, tmp_path):
    (tmp_path / "run.yaml").write_bytes((folder / "run.yaml").read_bytes())
    command = Path(sys.executable).with_name("collectiverun")
    words = [command, "validate", "-f", str(tmp_path / "run.yaml")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = yaml.safe_load((folder / "run.yaml").read_text())
    assert document["spec"]["phases"]["experts"]["params"] == {"totalEnvSteps": 4000}


def test_without_the_package_for_films_it_has_none_and_says_so(small, tmp_path):
    told = exported(small.root, tmp_path / "new", program=WITHOUT_AV + EXPORT)
    assert told["film"] is None
    assert told["withoutFilm"] == "a film needs the package av: pip install 'collectiverun[play]'"
    assert "replay.mp4" not in told["files"]
    assert "replay.mp4" not in (tmp_path / "new/README.md").read_text()


def test_a_run_that_is_not_finished_is_told(tmp_path):
    run = SmallRun(
        root=f"file://{tmp_path}/default/small-01234567", params={"experts": {"source": "scripted"}}
    )
    run.do("experts")
    answer = exported(run.root, tmp_path / "new", InputInvalid.exit_code)
    assert re.search(
        r"is not finished: it has no evaluation yet \(it has published experts\)", answer["message"]
    )
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_none_of_these_is_told(folder, tmp_path):
    with pytest.raises(
        InputInvalid, match=r"there is no .*config.json: give a folder that collectiverun export"
    ):
        open_policy(tmp_path)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    document = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(document | {"format": "collectiverun-collective/9"}))
    with pytest.raises(InputInvalid, match=r"has format 'collectiverun-collective/9'; this version reads"):
        open_policy(tmp_path)
    document["network"]["hiddenSizes"] = [8]
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(InputInvalid, match=r"do not make a collective: .*size mismatch"):
        open_policy(tmp_path)
