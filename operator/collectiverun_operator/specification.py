"""The typed spec of a CollectiveRun, one model a section, around the trainer's typed parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from collectiverun_operator.quantities import QUANTITY_SCHEMA, check_quantity
from collectiverun_operator.storage_specification import Storage
from collectiverun_trainer.config import (
    EnvironmentSettings,
    EvaluationParams,
    ExpertsParams,
    Model,
    OnlineDistillationParams,
    RefinementParams,
    StudentsParams,
    Task,
    TrajectoryTransformerParams,
)

__all__ = ["EnvironmentSettings", "Model", "Phases", "RunPolicy", "RunTask", "Spec", "Storage", "Task"]

Seconds = Annotated[int, Field(ge=1, le=10 * 365 * 86_400)]
Budget = Annotated[int, Field(ge=0, le=1000)]
Quantity = Annotated[Any, AfterValidator(check_quantity), WithJsonSchema(QUANTITY_SCHEMA)]
ResourceList = Annotated[dict[str, Quantity], Field(max_length=16)]


class RunTask(Task):
    """A task of the run; the collective never trains on a holdout task, it is tried on it."""

    holdout: bool = Field(False, description="Keep the task for zero-shot evaluation.")


class Retries(Model):
    """How often a member is tried again, and how long it waits before."""

    application: Budget = Field(2, description="Retries of a member after failures of the program.")
    infrastructure: Budget = Field(
        20, description="Retries of a member after preemption, node loss and so on."
    )
    backoff_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        10, description="Wait before a first retry."
    )
    max_backoff_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        600, description="The wait doubles with every retry of a member up to this."
    )


class Cleanup(Model):
    """What is removed while the run goes on."""

    succeeded_jobs: Literal["AfterPhase", "Retain"] = Field(
        "AfterPhase", description="Delete a phase's succeeded Jobs when the phase is done, or keep them."
    )


class RunPolicy(Model):
    """Deadlines, retries and cleanup. May be changed at any time."""

    active_deadline_seconds: Seconds | None = Field(
        None,
        description="Fail the run after this time, suspended and queued time not counted; unset: never.",
    )
    pending_deadline_seconds: Seconds | None = Field(
        None,
        description="Fail the run if a Pod has not started this long after its creation; unset: never.",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10 * 365 * 86_400)] | None = Field(
        None, description="Delete the finished run, never its storage, after this time; unset: never."
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        30, description="Time a Pod has to save a checkpoint when it is stopped."
    )
    retries: Retries = Retries()
    cleanup: Cleanup = Cleanup()


class Resources(Model):
    """Compute resources of a phase's container, as in a Pod."""

    requests: ResourceList | None = Field(None, description="What the scheduler reserves.")
    limits: ResourceList | None = Field(None, description="What the container may use at most.")


class PodTemplate(Model):
    """Opaque parts of a Pod: merged below what the operator sets itself."""

    metadata: dict[str, Any] = Field(
        default_factory=dict, max_length=16, description="Labels and annotations of the Pods."
    )
    spec: dict[str, Any] = Field(
        default_factory=dict,
        max_length=64,
        description="Any field of a Pod's spec, such as nodeSelector, tolerations, volumes or priorityClassName;"
        " the entry of containers named trainer is the phase's own container.",
    )


class PhaseSettings(Model):
    """What every phase has."""

    resources: Resources | None = Field(None, description="Unset: the installation's default; {}: CPU only.")
    pod_template: PodTemplate | None = Field(None, description="Merged over the run's podTemplate.")


class ExpertsPhase(PhaseSettings):
    """Trains one expert per task."""

    tasks_per_job: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Consecutive tasks a Job packs.")
    parallelism: Annotated[int, Field(ge=1, le=64)] = Field(8, description="Jobs that run at once at most.")
    params: ExpertsParams = ExpertsParams()


class TrajectoryTransformerPhase(PhaseSettings):
    """Learns the task embedding."""

    params: TrajectoryTransformerParams = TrajectoryTransformerParams()


class OnlineDistillationPhase(PhaseSettings):
    """Teaches the collective network."""

    params: OnlineDistillationParams = OnlineDistillationParams()


class RefinementPhase(PhaseSettings):
    """Trains the collective network further."""

    enabled: bool = Field(False, description="Run this phase.")
    params: RefinementParams = RefinementParams()


class StudentsPhase(PhaseSettings):
    """Trains fresh students helped by the collective, one Job a task."""

    enabled: bool = Field(False, description="Run this phase.")
    parallelism: Annotated[int, Field(ge=1, le=64)] = Field(8, description="Jobs that run at once at most.")
    params: StudentsParams = StudentsParams()


class EvaluationPhase(PhaseSettings):
    """Measures everything and writes the report."""

    params: EvaluationParams = EvaluationParams()


class Phases(Model):
    """The six phases."""

    experts: ExpertsPhase = ExpertsPhase()
    trajectory_transformer: TrajectoryTransformerPhase = TrajectoryTransformerPhase()
    online_distillation: OnlineDistillationPhase = OnlineDistillationPhase()
    refinement: RefinementPhase = RefinementPhase()
    students: StudentsPhase = StudentsPhase()
    evaluation: EvaluationPhase = EvaluationPhase()


def _check_tasks(tasks: tuple[RunTask, ...]) -> tuple[RunTask, ...]:
    names = [task.name for task in tasks]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(map(repr, repeated))} is listed more than once; list every task once")
    if all(task.holdout for task in tasks):
        raise ValueError("every task is a holdout; at least one must be trained on")
    return tasks


Tasks = Annotated[tuple[RunTask, ...], Field(min_length=1, max_length=64), AfterValidator(_check_tasks)]


class Spec(Model):
    """What a user asks for."""

    suspend: bool = Field(False, description="Stop at a checkpoint and stay stopped. Always mutable.")
    retry_token: str = Field(
        "", max_length=64, description="A new value re-opens a Failed run where it failed."
    )
    image: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=r"^\S+$",
        description="Trainer image; unset: the default.",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed of everything but the goals.")
    tasks: Annotated[
        tuple[RunTask, ...], Field(min_length=1, max_length=64), AfterValidator(_check_tasks)
    ] = Field(description="What is learned, one entry per environment and robot.")
    storage: Storage
    run_policy: RunPolicy = RunPolicy()
    pod_template: PodTemplate | None = Field(None, description="Merged under every phase.")
    environment: EnvironmentSettings = EnvironmentSettings()
    phases: Phases = Phases()
