"""What a run has learned, for programs of one's own; docs/after-the-run.md shows it.

run = open_run("quickstart")                  # a name on this machine, a path, file:// or s3://
policy = run.collective()
policy.reset()
action, state = policy.predict(obs)           # at the episode's first observation
action, state = policy.predict(obs, reward)   # later: the reward that the last action gained

What `__all__` names is public, with what the page says of it; the rest may change in any version.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collectiverun_trainer.learned.exported import open_policy
    from collectiverun_trainer.learned.policy import EpisodeState, LearnedPolicy
    from collectiverun_trainer.learned.run import Run, open_run

__all__ = ["EpisodeState", "LearnedPolicy", "Run", "open_policy", "open_run"]

_MODULES = {
    "EpisodeState": "policy",
    "LearnedPolicy": "policy",
    "Run": "run",
    "open_policy": "exported",
    "open_run": "run",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for (PEP 562).

    Networks need torch and Meta-World, three seconds; a command that finds that there is no such run, by the
    light modules beside this, answers without them.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
