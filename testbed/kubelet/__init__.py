"""A node: registers, runs its Pods as processes or only simulates them, and serves their logs."""

PROCESSES, SIMULATED = "processes", "simulated"
"""Kinds of nodes: a container is a process of this machine, or only reported to run."""
