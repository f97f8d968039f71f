"""Policies at play: what chooses actions, how an episode is rolled out, what its outcome is.

Must never learn: a rollout changes no weights.
"""
