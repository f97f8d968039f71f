#!/usr/bin/env bash
# MuJoCo: a body that is attached to another model is compiled by that model's <compiler>, not by its own file's.
#
# Seen with mujoco 3.3.0 (PyPI), Python 3.11, December 2026. A file without angle="radian" has its angles in degrees.
# When a body of its MjSpec is attached to a frame of an MjSpec in radians, a range of 170 degrees becomes 170 radians,
# a ref likewise, and euler angles are read in radians and in the other file's eulerseq. There is neither error nor
# warning. It is right where both models have the same name, as those have that give none; with more than two models
# of one name bodies can get the compiler of a third.
#
# What helps, and what this script shows: write radians and quaternions into the MjSpec before it is attached.
#
# Ends with 1 if the behaviour is another one. Needs python3 with venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet mujoco==3.3.0 numpy==2.4.6

cat >attaching.py <<'PYTHON'
import mujoco
import numpy as np

ARM = """<mujoco model="{}"><worldbody><body name="link">
  <joint name="elbow" range="-170 170" limited="true"/><geom size="0.1"/>
</body></worldbody></mujoco>"""


def limit(name, in_radians=False):
    arm = mujoco.MjSpec.from_string(ARM.format(name))
    if in_radians:
        arm.joint("elbow").range = np.radians(arm.joint("elbow").range)
    place = mujoco.MjSpec.from_string('<mujoco model="place"><compiler angle="radian"/><worldbody/></mujoco>')
    place.worldbody.add_frame().attach_body(arm.body("link"), "", "")
    return f"{place.compile().joint('elbow').range[1]:.3f} rad"


print("names differ:", limit("arm"))
print("names are the same:", limit("place"))
print("names differ, radians written before:", limit("arm", in_radians=True))
PYTHON

seen=$(venv/bin/python attaching.py)
echo "$seen"
expected='names differ: 170.000 rad
names are the same: 2.967 rad
names differ, radians written before: 2.967 rad'
[ "$seen" = "$expected" ]
