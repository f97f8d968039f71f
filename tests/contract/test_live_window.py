"""`collectiverun play --live`: a real window on a screen that exists in memory alone."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from contract.collectiverun_command import WAIT_SECONDS

pytestmark = pytest.mark.timeout(2 * WAIT_SECONDS)

# What a hand does: it closes the window once the second episode has begun.
CLOSED_BY_HAND = """
import sys
import time
import mujoco.viewer
from collectiverun_trainer.commands.__main__ import main
from collectiverun_trainer.rollouts import showing

windows, open_window, play_episode = [], mujoco.viewer.launch_passive, showing.play

def launch_passive(*model_and_data, **wishes):
    windows.append(open_window(*model_and_data, **wishes))
    return windows[0]

def play(environment, policy, goals):
    for number, decision in enumerate(play_episode(environment, policy, goals)):
        if goals != [1] and number == 3:
            windows[0].close()
            while windows[0].is_running():  # the viewer's own thread closes it, in its own time
                time.sleep(0.01)
        yield decision

mujoco.viewer.launch_passive, showing.play = launch_passive, play
sys.exit(main(["play"]))
"""

# A viewer whose threads draw on while the process ends is killed by that now and then, with the process.
THREADS_LEFT = """
import threading
import mujoco
from collectiverun_trainer.environments.window import Window

model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='0.1'/></worldbody></mujoco>")
before = threading.enumerate()
with Window(model, mujoco.MjData(model)) as window:
    window.show(0.0)
    print(len(threading.enumerate()) > len(before), end=" ")
print(threading.enumerate() == before)
"""


@pytest.fixture
def display():
    """A screen of X11, or none of these tests can be made."""
    server = shutil.which("Xvfb")
    assert server, "no Xvfb is here: make browser"
    reader, writer = os.pipe()
    words = [server, "-displayfd", str(writer), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(words, pass_fds=[writer], stderr=subprocess.DEVNULL) as running:
        os.close(writer)
        with os.fdopen(reader) as told:
            yield f":{told.readline().strip()}"
        running.terminate()


def on_screen(display):
    """Variables for a screen of X11, also on a desktop of Wayland."""
    return {"DISPLAY": display, "PYGLFW_LIBRARY_VARIANT": "x11"}


def played(run, display):
    wish = json.dumps({"run": str(run.root), "goal": 1, "fps": 60})
    return subprocess.run(
        [sys.executable, "-c", CLOSED_BY_HAND],
        input=wish,
        capture_output=True,
        text=True,
        env=os.environ | on_screen(display),
    )


def test_goals_are_played_until_the_window_is_closed(quickstart, display):
    done = played(quickstart, display)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    (episode,) = told["episodes"]
    assert (told["network"], told["task"], episode["goal"]) == ("collective", "reach-v3-sawyer", 1)


def test_a_closed_window_leaves_no_thread(display):
    done = subprocess.run(
        [sys.executable, "-c", THREADS_LEFT],
        capture_output=True,
        text=True,
        env=os.environ | on_screen(display),
    )
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


def test_where_no_window_can_be_opened_it_is_said(quickstart):
    done = quickstart.command("play", "quickstart", "--live", variables=on_screen(":4321"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "no window can be opened: X11: Failed to open display :4321; a film (--output FILE) needs no screen\n"
    )


@pytest.mark.parametrize("words", [(), ("--live", "--output", "film.mp4")])
def test_a_film_or_a_window_not_both_and_not_neither(quickstart, words):
    done = quickstart.command("play", "quickstart", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "play writes a film (--output FILE) or opens a window (--live): give one of the two\n"
    )
