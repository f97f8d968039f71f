#!/usr/bin/env bash
# MuJoCo: the passive viewer's threads draw on after close(), when is_running() is already false.
#
# Seen with mujoco 3.3.0 (PyPI), glfw 2.11.0, Python 3.11, Xvfb of Debian 12, November 2026. The documentation offers
# launch_passive as a context and is_running() to tell that the window was closed, by close() or by hand. Both return
# before the window is gone: a thread of the viewer's is still in its last frames and then takes the window down, and
# Handle has nothing to wait for it with. MuJoCo registers glfw.terminate to be called when the process ends. A program
# that comes to its end meanwhile is killed by SIGSEGV now and then; on a busy machine that was 13 of 30 programs
# whose last statement was the viewer's.
#
# What helps, and what this script shows: remember which threads launch_passive has started, and join them after close().
#
# Ends with 1 if the behaviour is another one. Needs python3 with venv, and Xvfb or another X server in DISPLAY.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server"; fi; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet mujoco==3.3.0 glfw==2.11.0 numpy==2.4.6
if [ -z "${DISPLAY:-}" ]; then
    Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>display 2>/dev/null &
    server=$!
    until [ -s display ]; do sleep 0.1; done
    DISPLAY=:$(cat display)
    export DISPLAY
fi

cat >closing.py <<'PYTHON'
import threading

import mujoco
import mujoco.viewer

model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='0.1'/></worldbody></mujoco>")
before = set(threading.enumerate())
viewer = mujoco.viewer.launch_passive(model, mujoco.MjData(model))
threads = set(threading.enumerate()) - before
viewer.sync()
viewer.close()
drawing = any(thread.is_alive() for thread in threads)
print(f"after close(): is_running {viewer.is_running()}, threads at work {drawing}")
for thread in threads:
    thread.join()
print(f"after join(): threads at work {any(thread.is_alive() for thread in threads)}")
PYTHON

seen=$(PYGLFW_LIBRARY_VARIANT=x11 venv/bin/python closing.py)
echo "$seen"
expected='after close(): is_running False, threads at work True
after join(): threads at work False'
[ "$seen" = "$expected" ]
