#!/usr/bin/env bash
# Meta-World: two scripted policies change the observation they are given, in place.
#
# Seen with metaworld 3.1.1, Python 3.11, November 2026. The policies of door-open-v3 and door-close-v3 add an offset to
# a slice of the caller's own array: after get_action() the door in the observation is 5 cm (door-open: y) or 5, 12 and
# 10 cm (door-close: x, y, z) elsewhere. The other 48 policies leave it alone. A loop that stores the observation after
# it asked for the action, as a loop that records demonstrations does, records a door where there is none; asked twice,
# the policy aims elsewhere. An observation in float32 hides it where the caller converts it to float64 by a copy.
#
# What helps: get_action(obs.copy()).
#
# Ends with 1 if the behaviour is another one. Needs python3 with venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
# gymnasium.envs.mujoco imports packaging and does not say that it needs it.
venv/bin/pip install --quiet metaworld==3.1.1 gymnasium==1.4.0 mujoco==3.3.0 numpy==2.4.6 packaging

cat >ask.py <<'PYTHON'
import warnings

import numpy as np
from metaworld.policies import ENV_POLICY_MAP

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
for name, policy in sorted(ENV_POLICY_MAP.items()):
    obs = rng.uniform(-0.3, 0.9, 39)
    before = obs.copy()
    policy().get_action(obs)
    places = np.flatnonzero(obs != before)
    if len(places):
        print(name, [(int(place), round(float(obs[place] - before[place]), 3)) for place in places])
print(len(ENV_POLICY_MAP), "policies")
PYTHON
venv/bin/python ask.py | tee seen
diff seen - <<'EXPECTED'
door-close-v3 [(4, 0.05), (5, 0.12), (6, 0.1)]
door-open-v3 [(4, -0.05)]
50 policies
EXPECTED
echo "as described"
