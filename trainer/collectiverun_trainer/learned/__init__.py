"""What a run has learned, for programs of one's own; docs/after-the-run.md shows it.

run = open_run("quickstart")                  # a name on this machine, a path, file:// or s3://
policy = run.collective()
policy.reset()
action, state = policy.predict(obs)           # at the episode's first observation
action, state = policy.predict(obs, reward)   # later: the reward that the last action gained

What `__all__` names is public, with what the page says of it; the rest may change in any version.
"""

from collectiverun_trainer.learned.exported import open_policy
from collectiverun_trainer.learned.policy import EpisodeState, LearnedPolicy
from collectiverun_trainer.learned.run import Run, open_run

__all__ = ["EpisodeState", "LearnedPolicy", "Run", "open_policy", "open_run"]
