"""Export a network of a run as a bundle that acts without this project."""

from __future__ import annotations

import sys
from typing import Any, Final

from collectiverun_trainer.commands.networks import chosen_policy, chosen_task, require_network
from collectiverun_trainer.commands.new_folder import new_folder
from collectiverun_trainer.commands.packages import require_packages
from collectiverun_trainer.commands.requests import ExportPolicyRequest
from collectiverun_trainer.learned.published_run import open_published
from collectiverun_trainer.process import output

COMPARING: Final = "writing the networks as ONNX and comparing them with torch over whole episodes"
"""What is said before the minute that it may take."""

PACKAGES: Final = ("onnx", "onnxruntime", "onnxscript")
"""What writes and runs the graphs."""


def run(request: ExportPolicyRequest) -> dict[str, Any]:
    """Write the bundle; its folder, and what it was compared with torch on."""
    require_packages(*PACKAGES)
    opened = open_published(request.run, request.storage, seed=request.seed)
    task = chosen_task(opened, request.task)
    require_network(opened, request.network, task)
    # Imported late, when nothing of the request is wrong: torch's exporter and Meta-World take seconds.
    from collectiverun_trainer.export.bundle import write_bundle

    policy = chosen_policy(opened, request.network, task)
    with new_folder(request.output) as folder:
        output.say(COMPARING, sys.stderr)
        document = write_bundle(policy, request.network, folder)
        files = sorted(path.name for path in folder.iterdir())
    return {
        "output": request.output,
        "files": files,
        **document.model_dump(by_alias=True, mode="json", include={"network", "artifact", "check"}),
    }
