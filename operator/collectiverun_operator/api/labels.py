"""Every label key this project writes or reads."""

from __future__ import annotations

GROUP = "collectiverl.io"
RUN = f"{GROUP}/run"
RUN_UID = f"{GROUP}/run-uid"
PHASE = f"{GROUP}/phase"
MEMBER = f"{GROUP}/member"
ATTEMPT = f"{GROUP}/attempt"

# Copied from the run to its Jobs, and nothing else of it: they are Kueue's.
KUEUE = ("kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class")
