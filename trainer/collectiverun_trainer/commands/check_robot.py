"""What is wrong with the MJCF file of an arm that is to take Sawyer's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collectiverun_trainer.commands.requests import CheckRobotRequest
from collectiverun_trainer.environments.robots.checking import check


def run(request: CheckRobotRequest) -> dict[str, Any]:
    """A sentence for each fault; none if the arm can take Sawyer's place."""
    return {"model": request.model, "faults": check(Path(request.model))}
