"""What a valid spec says that is probably not meant: told, and carried out as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from collectiverun_operator.api.members import members_of, settings_of
from collectiverun_operator.api.phases import PHASES
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.errors import Fault


def advice(spec: Spec) -> Iterator[Fault]:
    """Each field that has less effect than it seems to."""
    for phase in PHASES:
        per_job = getattr(settings_of(spec, phase), "tasks_per_job", 1)
        trained = len({task for member in members_of(spec, phase) for task in member.tasks})
        if trained and per_job > trained:
            text = f"{per_job} is more than the {trained} to be trained: one Job trains them all"
            yield Fault(f"spec.phases.{phase.name}.tasksPerJob", text)
