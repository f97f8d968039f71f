"""Where an expert that comes from elsewhere is published; light, so that a place taken is told at once."""

from __future__ import annotations

from typing import Final

from collectiverun_trainer.artifacts.commits import committed
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.errors import Usage

PHASE: Final[Phase] = "experts"


def member_uri(root: str, task: Task) -> str:
    """The folder of the member that has this expert."""
    return join(root, PHASE, task.name)


def require_free(storage: Storage, root: str, task: Task) -> None:
    """Raise Usage if an expert of the task is published below the root already."""
    if uri := next(committed(storage, member_uri(root, task)), None):
        raise Usage(f"there is an expert of {task.name} already, {uri}; name another folder")
