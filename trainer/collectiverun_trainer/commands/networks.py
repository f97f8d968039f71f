"""Which network of a run, and which task, a command means."""

from __future__ import annotations

from pydantic import ValidationError

from collectiverun_trainer.commands.requests import Network
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.learned import LearnedPolicy, Run


def chosen_task(opened: Run, name: str | None) -> Task:
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


def known_task(opened: Run, name: str) -> Task | None:
    """The run's task of that name, `reach-v3-sawyer` or `reach-v3`; None if it has none."""
    return next((task for task in opened.tasks if name in (task.name, task.env)), None)


def chosen_policy(opened: Run, network: Network, task: Task) -> LearnedPolicy:
    """The network, of a task where there is one for each. Raises InputInvalid if the run has none."""
    if network == "collective":
        return opened.collective()
    return {"expert": opened.expert, "student": opened.student, "control": opened.control}[network](task)
