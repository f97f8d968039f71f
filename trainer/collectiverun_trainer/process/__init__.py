"""The process around a phase: its command line, signals, progress, device and result line.

Must never import a phase, a network or an environment: it starts before any of them is loaded.
"""
