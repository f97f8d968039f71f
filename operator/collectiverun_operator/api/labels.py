"""Every label key this project writes or reads."""

from __future__ import annotations

GROUP = "collectiverl.io"
RUN = f"{GROUP}/run"
RUN_UID = f"{GROUP}/run-uid"
PHASE = f"{GROUP}/phase"
MEMBER = f"{GROUP}/member"
ATTEMPT = f"{GROUP}/attempt"
# Of a run whose budgets `--smoke` lowered: its report says so, and judges nothing.
SMOKE = f"{GROUP}/smoke"

# Kueue's; the only labels of a run that are copied to its Jobs.
QUEUE = "kueue.x-k8s.io/queue-name"
KUEUE = (QUEUE, "kueue.x-k8s.io/priority-class")
# Kueue's own mark on the Workload that it makes of a Job.
WORKLOAD_OF = "kueue.x-k8s.io/job-uid"
