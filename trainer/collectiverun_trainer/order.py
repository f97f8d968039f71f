"""The interface with the operator: the phase order in, the phase result out. Pure data."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from collectiverun_trainer.config import EnvironmentSettings, Model, Phase, Seed, Task, robot_fault

ORDER_VARIABLE = "COLLECTIVERUN_PHASE_ORDER"
POD_UID_VARIABLE = "COLLECTIVERUN_POD_UID"
RESULT_PATH_VARIABLE = "COLLECTIVERUN_RESULT_PATH"
DEFAULT_RESULT_PATH = "/dev/termination-log"
RESULT_LIMIT_BYTES = 4096

Uri = Annotated[str, Field(min_length=1, max_length=1024)]


class RunIdentity(Model):
    """Which run a phase belongs to."""

    namespace: str
    name: str
    uid: str


class StorageOptions(Model):
    """How storage is reached, without credentials: those come from the environment (AWS_*)."""

    endpoint: str | None = Field(None, description="URL of an S3 server other than AWS.")
    region: str | None = Field(None, description="Region, such as eu-central-1.")
    addressing: Literal["Path", "Virtual"] = Field(
        "Path", description="Bucket in the path or in the host name."
    )
    insecure: bool = Field(False, description="Do not verify the server's certificate.")
    ca_bundle_path: str | None = Field(None, description="File with certificates to trust.")


class ArtifactReference(Model):
    """One committed artifact, by its exact address and digest."""

    member: str
    uri: Uri
    manifest_sha256: str | None = Field(
        None, description="Digest the operator recorded; unset: trust _SUCCESS."
    )
    tasks: tuple[Task, ...]


class PhaseOrder(Model):
    """Everything that one attempt of one member needs to know."""

    run: RunIdentity
    phase: Phase
    member: str
    attempt: int = Field(1, ge=1)
    seed: Seed = 1
    seeds: tuple[Seed, ...] = Field((), description="Of a member that works for several seeds: all of them.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the numerical libraries.")
    tasks: tuple[Task, ...] = Field(description="Tasks this member works on.")
    holdout: tuple[Task, ...] = Field((), description="Tasks no phase trains on; evaluation tries them.")
    environment: EnvironmentSettings = EnvironmentSettings()
    robot_models: dict[str, str] = Field(
        default_factory=dict,
        description="Path of the model of each robot that the run brings along, by its name: an MJCF file, or"
        " the folder of one.",
    )
    params: dict[str, Any] = Field(default_factory=dict, description="Parameters of the phase, see config/.")
    storage: StorageOptions = StorageOptions()
    inputs: dict[Phase, tuple[ArtifactReference, ...]] = Field(default_factory=dict)
    from_: Uri | None = Field(
        None, alias="from", description="Earlier run, member or artifact that stands in for the phase's work."
    )
    spec: dict[str, Any] = Field(default_factory=dict, description="The run's spec, for the report only.")
    smoke: bool = Field(False, description="Its budgets were lowered to seconds; for the report only.")
    member_uri: Uri = Field(description="<root>/<phase>/<member>: attempts and checkpoints lie below it.")

    @model_validator(mode="after")
    def _known_robots(self) -> Self:
        told = (robot_fault(task.robot, self.robot_models) for task in (*self.tasks, *self.holdout))
        if fault := next(filter(None, told), ""):
            raise ValueError(fault)
        return self

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds the member works for."""
        return self.seeds or (self.seed,)

    def of_seed(self, seed: int) -> Self:
        """The same order for one of its seeds alone."""
        return self.model_copy(update={"seed": seed, "seeds": ()})


class Success(Model):
    """Success rates over episodes: at any env step, and at the last one."""

    any_step: float = Field(ge=0.0, le=1.0)
    at_end: float = Field(ge=0.0, le=1.0)


class PhaseResult(Model):
    """What an attempt reports, in at most RESULT_LIMIT_BYTES of JSON."""

    exit_code: int
    reason: str = Field(
        description="CamelCase: Succeeded, InvalidConfiguration, InputInvalid, StorageUnavailable, …"
    )
    message: str = ""
    uri: str | None = None
    manifest_sha256: str | None = None
    env_steps: int = 0
    success: Success | None = None
    students: Success | None = Field(None, description="Evaluation only: success of the students.")
    experts: Success | None = Field(None, description="Evaluation only: success of the experts.")
    peak_memory_bytes: int | None = Field(None, description="The most memory that its process has needed.")
    cpu_seconds: float | None = Field(None, description="CPU time that its process has taken.")
    note: str = Field("", description="One sentence a person should read, such as 'refinement did not help'.")

    def to_line(self) -> str:
        """JSON on one line; the message, then the note, are cut so that the line fits the limit.

        Raises:
            ValueError: if even without them it does not fit, which takes an address of thousands of bytes.
        """
        document = self.model_dump(by_alias=True, mode="json", exclude_none=True)
        for field in ("message", "note"):
            excess_bytes = len(json.dumps(document)) - RESULT_LIMIT_BYTES
            if excess_bytes > 0:
                document[field] = _cut(document[field], len(json.dumps(document[field])) - excess_bytes)
        line = json.dumps(document)
        if len(line) > RESULT_LIMIT_BYTES:
            raise ValueError(
                f"The result takes {len(line)} of {RESULT_LIMIT_BYTES} bytes; shorten storage.uri."
            )
        return line


def _cut(text: str, limit_bytes: int) -> str:
    """The longest start of the text that takes at most `limit_bytes` as JSON with an ellipsis; "" if none."""
    length = bisect_right(range(len(text) + 1), limit_bytes, key=lambda n: len(json.dumps(text[:n] + "…")))
    return text[: length - 1] + "…" if length else ""
