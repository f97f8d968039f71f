"""What the documents of a state directory have to hold: a hand may have put another's in their place.

Checked is what this program reads of them. What else they hold is kept as it is.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from collectiverun_operator.api.labels import RUN_UID
from collectiverun_operator.cluster.local.machine import Request
from collectiverun_operator.cluster.local.pod import phase_order, trainer_container
from collectiverun_operator.json_types import JSONObject

M = TypeVar("M", bound=BaseModel)


class WrongDocumentError(ValueError):
    """A document is another's; the message says why."""


class _Part(BaseModel, alias_generator=to_camel):
    """A mapping that may hold more."""


class _RunMetadata(_Part):
    name: str
    uid: str = ""


class _Run(_Part):
    metadata: _RunMetadata
    spec: dict[str, Any]
    status: dict[str, Any] | None = None


class _Metadata(_Part):
    name: str
    uid: str
    namespace: str
    creation_timestamp: str
    labels: dict[str, str] = Field(default_factory=dict)


class _Object(_Part):
    metadata: _Metadata
    spec: dict[str, Any]
    status: dict[str, Any]


class _Process(_Part):
    process_id: int
    start_ticks: int
    boot_id: str
    started_time: float
    observed_time: float
    cpu_seconds: float


class _Attempt(_Part):
    job: _Object
    pod: _Object
    process: _Process | None


class _Order(_Part):
    phase: str
    member: str
    attempt: int


def check_run(document: JSONObject, uid: str = "") -> None:
    """Raise WrongDocumentError unless this is a run, and the one of this UID if one is given."""
    run = _read(_Run, document).metadata
    if uid and run.uid != uid:
        raise WrongDocumentError(f"it is of run {run.name}, uid {run.uid}")


def check_attempt(document: JSONObject, name: str, uid: str = "") -> None:
    """Raise WrongDocumentError unless this is an attempt with a Job of this name, of the run of this UID."""
    job = _read(_Attempt, document).job.metadata
    if job.name != name:
        raise WrongDocumentError(f"it is of Job {job.name}")
    if uid and job.labels.get(RUN_UID) != uid:
        raise WrongDocumentError(f"its Job is of another run, uid {job.labels.get(RUN_UID, '')!r}")
    try:
        Request.of(trainer_container(document["pod"]))
        order = phase_order(document["pod"])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise WrongDocumentError(f"the container of its Pod can't be read: {error!r}") from None
    _read(_Order, order)


def _read(model: type[M], document: JSONObject) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongDocumentError(f"{where}: {first['msg']}") from None
