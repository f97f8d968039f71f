"""Buffers of a run as datasets of other programs, in Minari's and LeRobot's files."""
