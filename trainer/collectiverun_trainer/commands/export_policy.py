"""Export a network of a run as a bundle that acts without this project."""

from __future__ import annotations

import sys
from typing import Any, Final

from collectiverun_trainer.commands.networks import chosen_policy, chosen_task
from collectiverun_trainer.commands.new_folder import new_folder
from collectiverun_trainer.commands.requests import ExportPolicyRequest
from collectiverun_trainer.export.bundle import write_bundle
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.process import output

COMPARING: Final = "writing the networks as ONNX and comparing them with torch over whole episodes"
"""What is said before the minute that it may take."""


def run(request: ExportPolicyRequest) -> dict[str, Any]:
    """Write the bundle; its folder, and what it was compared with torch on."""
    opened = open_run(request.run, request.storage, seed=request.seed)
    policy = chosen_policy(opened, request.network, chosen_task(opened, request.task))
    with new_folder(request.output) as folder:
        output.say(COMPARING, sys.stderr)
        document = write_bundle(policy, request.network, folder)
        files = sorted(path.name for path in folder.iterdir())
    return {
        "output": request.output,
        "files": files,
        **document.model_dump(by_alias=True, mode="json", include={"network", "artifact", "check"}),
    }
