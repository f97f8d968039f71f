"""Commands whose processes and mounts end with this process, however that ends: the kernel sees to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from testbed.processes.daemon import end_with

# Before a command: namespaces whose first process is killed with `unshare`, and all others with that first
# one; their mounts go with the last.
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def run(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in namespaces of its own and wait for its end; `environment` is added to ours."""
    return subprocess.run(
        [*NAMESPACES, *command],
        env=os.environ | environment,
        preexec_fn=end_with(os.getpid()),
        capture_output=True,
        text=True,
        check=False,
    )
