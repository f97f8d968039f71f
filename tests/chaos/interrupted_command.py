"""The command `collectiverun`, to which Ctrl-C comes in the middle of its first round, before that acts.

python tests/chaos/interrupted_command.py run -f run.yaml
"""

from __future__ import annotations

import signal

from collectiverun_operator.cli.main import main
from collectiverun_operator.cluster.local.cluster import LocalCluster
from collectiverun_operator.json_types import JSONObject


def interrupt_the_first_round() -> None:
    """Make this process send itself SIGINT as it writes the first status of a run."""
    write = LocalCluster.write_status

    async def write_status(cluster: LocalCluster, run: JSONObject, status: JSONObject) -> JSONObject:
        if not run.get("status"):
            signal.raise_signal(signal.SIGINT)
        return await write(cluster, run, status)

    LocalCluster.write_status = write_status  # type: ignore[method-assign]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job is told to ignore it
    interrupt_the_first_round()
    main()
