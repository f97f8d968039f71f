"""The half that decides: turns a CollectiveRun into Jobs, phase by phase, on a cluster or on this machine.

It must never import torch, open object storage or read a Secret; all it knows of the trainer is the phase
order it writes, the phase result it reads and the typed parameters of `collectiverun_trainer.config`.
"""
