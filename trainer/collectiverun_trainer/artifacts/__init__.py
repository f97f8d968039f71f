"""What outlives a process: objects in storage, artifacts committed as a whole, checkpoints to resume from.

The only package that opens storage. It must never know what a file means to a phase, nor unpickle anything.
"""
