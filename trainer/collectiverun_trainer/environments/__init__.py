"""Meta-World as this project steps it: observations, goals, fast stepping, vectors of environments, pictures.

The only package that imports metaworld, mujoco or gymnasium. It must never import torch networks, read or
write storage, or know which phase is running; callers enforce the horizon.
"""
