"""Rollouts: what chooses actions, how an episode is played, what its outcome is.

Must never learn: a rollout changes no weights.
"""
