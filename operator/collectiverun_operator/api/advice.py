"""What a valid spec says that is probably not meant: told, and carried out as it is written."""

from __future__ import annotations

from collections.abc import Iterator

from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.tasks import training_tasks
from collectiverun_operator.errors import Fault


def advice(spec: Spec) -> Iterator[Fault]:
    """Each field that has less effect than it seems to."""
    trained, per_job = len(training_tasks(spec.tasks)), spec.phases.experts.tasks_per_job
    if per_job > trained:
        text = f"{per_job} is more than the {trained} to be trained: one Job trains them all"
        yield Fault("spec.phases.experts.tasksPerJob", text)
