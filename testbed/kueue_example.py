"""Something to try Kueue with: a queue with room for one run, two runs that want it, and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from collectiverun_operator.cli.smoke import with_smoke_budgets
from testbed.cluster.example_run import example_run
from testbed.cluster.small_cluster import SmallCluster
from testbed.kueue import queues
from testbed.kueue.objects import PRIORITY_LABEL, QUEUE_LABEL

# As many as the quickstart has tasks: the Jobs of its first phase.
JOBS = 3
QUEUE = "robots"
_SHARED_QUEUE = "lab"
_URGENT, _BACKGROUND = "urgent", "background"
_RUNS = {"left-arm": _BACKGROUND, "right-arm": _URGENT}
_RUN_FILE = "two-runs.yaml"
_WHY = 'JOB:.metadata.ownerReferences[0].name,WHY:.status.conditions[?(@.type=="QuotaReserved")].message'


def add_example(cluster: SmallCluster) -> None:
    """The queue in the namespace `default`, two priorities, and the runs' file in the cluster's folder."""
    cluster.apply(
        *queues.shared(_SHARED_QUEUE, JOBS),
        queues.local(QUEUE, _SHARED_QUEUE),
        queues.priority(_URGENT, 1000),
        queues.priority(_BACKGROUND, 10),
    )
    runs = [_run(cluster, name, priority) for name, priority in _RUNS.items()]
    (cluster.folder / _RUN_FILE).write_text(yaml.safe_dump_all(runs, sort_keys=False))


def next_steps(folder: Path) -> str:
    """What to type, and what is to be seen then."""
    first, second = _RUNS
    return f"""\
Kueue holds Jobs back until there is room for them. The queue `{QUEUE}` lets {JOBS} run at a time, and each of
two small runs begins with {JOBS}. With the operator installed as above:

  kubectl apply -f {folder / _RUN_FILE}
  kubectl get collectiveruns -w    # {second} is Queued until Jobs of {first} have ended
  kubectl get localqueues,workloads    # a workload is a Job: those with nothing under RESERVED IN wait
  kubectl get workloads -o custom-columns='{_WHY}'

A run of your own goes to the queue by labels in its metadata, which each of its Jobs gets:

  {QUEUE_LABEL}: {QUEUE}
  {PRIORITY_LABEL}: {_URGENT}    # or {_BACKGROUND}: of what waits, urgent goes first
"""


def _run(cluster: SmallCluster, name: str, priority: str) -> dict[str, Any]:
    body = with_smoke_budgets(example_run(cluster))
    body["metadata"] = {"name": name, "labels": {QUEUE_LABEL: QUEUE, PRIORITY_LABEL: priority}}
    return body
