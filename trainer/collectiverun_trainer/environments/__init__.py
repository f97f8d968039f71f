"""Meta-World as this project steps it: robots, observations, goals, fast stepping, vectors, rendering.

The only package that imports metaworld, mujoco or gymnasium. It must never import networks, read or write
storage, or know which phase is running; callers enforce the horizon.
"""

from collectiverun_trainer.environments.engine import load_without_gl

load_without_gl()
