"""The files of every policy: experts, students and their controls, the collective with its encoder.

Weights are safetensors; the JSON beside them says how to build the networks and what their values mean. Names
and keys of these files are known here and nowhere else.
"""
