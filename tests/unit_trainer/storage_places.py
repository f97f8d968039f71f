"""Places to store things in, for tests that hold on every kind of storage which needs no server."""

from __future__ import annotations

import secrets
from pathlib import Path

from collectiverun_trainer.artifacts.storage import Storage
from collectiverun_trainer.config import Task
from collectiverun_trainer.order import PhaseOrder, RunIdentity, StorageOptions

SCHEMES = ("memory", "file")
REACH = Task(env="reach-v3")


def place(scheme: str, folder: Path) -> str:
    """A new, empty address."""
    return f"memory://{secrets.token_hex(8)}/run" if scheme == "memory" else f"file://{folder}/run"


def new_storage(retry_seconds: float = 0.0) -> Storage:
    """Storage that gives up after `retry_seconds`."""
    return Storage(StorageOptions(), retry_seconds)


def new_order(member_uri: str, **fields: object) -> PhaseOrder:
    """Order of an experts member."""
    defaults: dict[str, object] = {
        "run": RunIdentity(namespace="default", name="demo", uid="0123456789"),
        "phase": "experts",
        "member": REACH.name,
        "tasks": (REACH,),
        "member_uri": member_uri,
    }
    return PhaseOrder.model_validate(defaults | fields)
