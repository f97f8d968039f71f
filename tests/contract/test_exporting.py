"""`collectiverun export dataset` and `export hub`: what they write and say, and what can't be exported."""

import json

import minari
import pytest
from contract.collectiverun_command import WAIT_SECONDS, assert_refused
from support.command_here import Said

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)


def test_a_dataset_for_minari(quickstart, tmp_path, monkeypatch):
    words = ("--format", "minari", "--task", "reach-v3", "--source", "policy", "--source", "training")
    done = quickstart.command("export", "dataset", "quickstart", "-o", str(tmp_path / "new"), *words)
    assert done.returncode == 0, done.stderr
    name = f"{quickstart.root.name}-experts-v0"
    assert done.stdout.splitlines()[1] == (
        f"open it with minari.load_dataset({name!r}), with MINARI_DATASETS_PATH={tmp_path / 'new'}"
    )
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "new"))
    dataset = minari.load_dataset(name)
    said = f"{dataset.total_episodes} episodes ("
    assert done.stdout.startswith(f"{tmp_path / 'new'}: {said}")
    assert f"), {dataset.total_steps} decisions\n" in done.stdout


def test_a_dataset_for_lerobot_by_the_runs_root(quickstart, tmp_path):
    words = ("--format", "lerobot", "--buffer", "online", "--json", "-o", str(tmp_path / "new"))
    done = quickstart.command("export", "dataset", str(quickstart.root), *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    info = json.loads((tmp_path / "new/meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (told["episodes"], told["decisions"])
    assert told["run"] == f"default/{quickstart.root.name}"


def test_a_folder_for_a_hub(quickstart, tmp_path):
    done = quickstart.command("export", "hub", "quickstart", "-o", str(tmp_path / "new"), "--no-film")
    assert done.returncode == 0, done.stderr
    files, film, advice, push = done.stdout.splitlines()
    assert files.startswith(f"{tmp_path / 'new'}: README.md, config.json, model.safetensors, onnx/act.py, ")
    assert film == "without a film: no film was asked for"
    assert "nothing was pushed" in advice
    assert push == f"  hf upload <user>/quickstart {tmp_path / 'new'}"


def test_what_can_not_be_exported(quickstart, quickstart_says, tmp_path):
    new, full = str(tmp_path / "new"), str(tmp_path)
    (tmp_path / "mine").touch()
    lerobot = ("--format", "lerobot")
    wrong = {
        ("dataset", "quickstart", new, "--format", "csv"): (
            2,
            "export-dataset: format: Input should be 'minari'",
        ),
        ("dataset", "quickstart", full, *lerobot): (
            2,
            "export-dataset: output: is there already, and no empty",
        ),
        ("dataset", "quickstart", new, *lerobot, "--buffer", "replay"): (
            2,
            "export-dataset: buffer: Input should",
        ),
        ("dataset", "quickstart", new, *lerobot, "--task", "push-v3"): (
            4,
            f"{quickstart.root.as_uri()} has no task 'push-v3'; it has reach-v3-sawyer",
        ),
        ("dataset", "quickstart", new, *lerobot, "--source", "crossed"): (2, "the experts buffer of file://"),
        ("dataset", full, new, *lerobot): (4, f"file://{tmp_path} holds no finished phase of a run"),
        ("hub", full, new): (4, f"file://{tmp_path} holds no finished phase of a run"),
        ("hub", "quickstart", full): (2, "export-hub: output: is there already, and no empty folder"),
        ("hub", "quickstart", new, "--task", "push"): (2, "no task is called 'push'"),
    }
    for (what, run, output, *words), (code, sentence) in wrong.items():
        assert_refused(quickstart_says("export", what, run, "--output", output, *words), code, sentence)
    done = quickstart.command("export", "hub", full, "--output", new)
    assert_refused(Said(done.returncode, done.stdout, done.stderr), *wrong["hub", full, new])
    assert not (tmp_path / "new").exists()
