"""The operator: turns a CollectiveRun into Jobs, phase by phase, on a cluster or on this machine.

It never imports torch, opens object storage or reads a Secret. Of the trainer it knows the phase order it
writes, the phase result it reads and the typed parameters of `collectiverun_trainer.config`.
"""
