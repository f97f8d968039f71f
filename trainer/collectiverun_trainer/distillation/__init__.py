"""Distillation of the experts into the collective: losses, labelled rows, gradient steps, labelled rollouts.

Nothing here reads or writes artifacts, and nothing may give the network, acting or learning, a number that
depends on which task a row belongs to. A task's index may balance batches and scale critic targets only.
"""
