"""`collectiverun play`: the film of an episode, and what can't be filmed."""

import json

import av
import pytest
from contract.collectiverun_command import WAIT_SECONDS, assert_refused
from PIL import Image

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)


def test_a_film_of_the_collective_as_mp4(quickstart, tmp_path):
    path = tmp_path / "film.mp4"
    done = quickstart.command("play", "quickstart", "--size", "65", "--output", str(path), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["network"], told["task"], told["goal"]) == ("collective", "reach-v3-sawyer", 0)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(pictures) == told["frames"] + 20  # the last one is held for a second
    assert pictures[0].shape == (64, 64, 3)
    assert pictures[0].std() > 10


def test_a_film_of_an_expert_as_webp_by_the_runs_root(quickstart, tmp_path):
    path = tmp_path / "film.webp"
    words = ("--network", "expert", "--task", "door-close-v3", "--goal", "1", "--size", "64")
    done = quickstart.command("play", str(quickstart.root), *words, "--output", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: expert on door-close-v3-sawyer, goal 1: ")
    with Image.open(path) as film:
        assert film.n_frames > 5


def test_what_can_not_be_filmed(quickstart, quickstart_says, tmp_path):
    film = str(tmp_path / "film.webp")
    wrong = {
        ("quick", film): (2, "no run of this machine is called 'quick'; it knows quickstart"),
        ("quickstart", "film.gif"): (2, "play: output: ends neither in .mp4 nor in .webp"),
        ("quickstart", "/nowhere/film.webp"): (2, "play: output: can't be written: there is no"),
        ("quickstart", film, "--fps", "0"): (2, "play: fps: Input should be greater than or equal to 1"),
        ("quickstart", film, "--task", "push"): (2, "no task is called 'push'"),
        ("quickstart", film, "--goal", "99"): (2, "there is no goal 99; the run's goals are 0 to "),
        ("quickstart", film, "--network", "teacher"): (2, "play: network: "),
        ("quickstart", film, "--network", "student"): (
            4,
            f"file://{quickstart.root} has",
        ),
        (str(tmp_path), film): (4, f"file://{tmp_path} holds no finished phase of a run"),
    }
    for (run, output, *words), (code, sentence) in wrong.items():
        assert_refused(quickstart_says("play", run, "--output", output, *words), code, sentence)
    assert not (tmp_path / "film.webp").exists()
