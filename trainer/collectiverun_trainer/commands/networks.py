"""Which network of a run, and which task, a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from collectiverun_trainer.commands.requests import Network
from collectiverun_trainer.config import Phase, Task
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.learned.published_run import PublishedRun

if TYPE_CHECKING:
    from collectiverun_trainer.learned import LearnedPolicy

_PUBLISHED_BY: Final[dict[Network, Phase]] = {
    "expert": "experts",
    "student": "students",
    "control": "students",
}


def chosen_task(opened: PublishedRun, name: str | None) -> Task:
    """The run's task of that name, its first one if none is named; any other of Meta-World's.

    Raises:
        Usage: Meta-World has no such task.
    """
    if name is None:
        return opened.tasks[0]
    if (known := known_task(opened, name)) is not None:
        return known
    try:
        return Task(env=name)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Usage(f"no task is called {name!r}: {why}") from None


def known_task(opened: PublishedRun, name: str) -> Task | None:
    """The run's task of that name, `reach-v3-sawyer` or `reach-v3`; None if it has none."""
    return next((task for task in opened.tasks if name in (task.name, task.env)), None)


def require_network(opened: PublishedRun, network: Network, task: Task) -> None:
    """Raise InputInvalid if the run has published no such network, before anything heavy is imported."""
    if network == "collective":
        opened.latest_collective()
    else:
        opened.artifact(_PUBLISHED_BY[network], opened.task(task))


def chosen_policy(opened: PublishedRun, network: Network, task: Task) -> LearnedPolicy:
    """The network, of a task where there is one for each. Raises InputInvalid if the run has none."""
    require_network(opened, network, task)
    from collectiverun_trainer.learned import Run  # imported late: torch and Meta-World take three seconds

    run = Run.of(opened)
    if network == "collective":
        return run.collective()
    return {"expert": run.expert, "student": run.student, "control": run.control}[network](task)
