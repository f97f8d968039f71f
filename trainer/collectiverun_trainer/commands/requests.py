"""What each command is asked, as typed documents; light, so that a wrong one is told at once."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from collectiverun_trainer.config import Model
from collectiverun_trainer.order import StorageOptions


class ListRequest(Model):
    """Find runs in storage."""

    root: str = Field(description="A storage root, a namespace's folder or a run's: a path or a URI.")
    storage: StorageOptions = StorageOptions()


REQUESTS: Final[dict[str, tuple[type[Model], str]]] = {
    "list": (ListRequest, "collectiverun_trainer.commands.list_runs"),
}
"""By command: its request, and the module whose `run` answers it."""
