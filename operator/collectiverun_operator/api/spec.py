"""The typed spec of a CollectiveRun, one model a section, around the trainer's typed parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from collectiverun_operator.api.quantities import QUANTITY_SCHEMA, check_quantity
from collectiverun_operator.api.storage import Storage
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

    holdout: bool = Field(
        False,
        description="Keep the task from training; the collective is tried on it unprepared (zero-shot).",
    )


class Retries(Model):
    """How often each member is tried again, and how long it waits before."""

    application: Budget = Field(
        2,
        description="Retries of a member after failures of the program, such as exit code 1 or out of"
        " memory.",
    )
    infrastructure: Budget = Field(
        20,
        description="Retries of a member after failures that are not its own: preemption, eviction, a lost"
        " node, storage that can't be reached.",
    )
    backoff_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        10, description="Time a member waits before its first retry, in seconds; it doubles with every retry."
    )
    max_backoff_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        600, description="Longest time a member waits before a retry, in seconds."
    )


class Cleanup(Model):
    """What is removed while the run goes on."""

    succeeded_jobs: Literal["AfterPhase", "Retain"] = Field(
        "AfterPhase",
        description="AfterPhase: succeeded Jobs are deleted when their phase is done. Retain: they are kept"
        " until the run is deleted. Failed Jobs are kept for a look at them.",
    )


class RunPolicy(Model):
    """Deadlines, retries and cleanup. May be changed at any time."""

    active_deadline_seconds: Seconds | None = Field(
        None,
        description="Time after which the run fails, in seconds, counted while it is neither suspended nor"
        " queued. Unset: never.",
    )
    pending_deadline_seconds: Seconds | None = Field(
        None,
        description="Time in seconds a Pod has to start, from its creation on; then the run fails. Without"
        " it a Pod that can't be scheduled, or whose image can't be pulled, waits for ever. Unset: never.",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=10 * 365 * 86_400)] | None = Field(
        None,
        description="Time after its end when the run is deleted with its Jobs, in seconds. What it"
        " published in storage stays. Unset: never.",
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        30, description="Time a Pod has to save a checkpoint when it is stopped, in seconds."
    )
    retries: Retries = Retries()
    cleanup: Cleanup = Cleanup()


class Resources(Model):
    """Compute resources of a phase's container, as in a Pod."""

    requests: ResourceList | None = Field(None, description="What the scheduler reserves, such as cpu: 2.")
    limits: ResourceList | None = Field(
        None, description="What the container may use at most, such as nvidia.com/gpu: 1."
    )


class PodTemplate(Model):
    """Parts of a Pod, merged into the Pods of the run; what the operator sets itself comes first."""

    metadata: dict[str, Any] = Field(
        default_factory=dict, max_length=16, description="Labels and annotations of the Pods."
    )
    spec: dict[str, Any] = Field(
        default_factory=dict,
        max_length=64,
        description="Any field of a Pod's spec, such as nodeSelector, tolerations, volumes or"
        " priorityClassName; the entry of containers named trainer is the phase's own container.",
    )


class PhaseSettings(Model):
    """What every phase has."""

    resources: Resources | None = Field(
        None,
        description="Resources of the phase's container. Unset: the installation's default, usually one"
        " GPU. {}: none, that is CPU only. May be changed for attempts to come.",
    )
    pod_template: PodTemplate | None = Field(
        None,
        description="Parts of a Pod for this phase, merged over spec.podTemplate. May be changed for attempts"
        " to come.",
    )


class ExpertsPhase(PhaseSettings):
    """Trains one expert per task, and hands its experience on."""

    tasks_per_job: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Number of consecutive tasks one Job trains as one batch, on one GPU."
    )
    parallelism: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="Number of Jobs of the phase that exist at once, at most. May be changed at any time."
    )
    params: ExpertsParams = ExpertsParams()


class TrajectoryTransformerPhase(PhaseSettings):
    """Learns, from the experts' experience, the embedding that tells tasks apart."""

    params: TrajectoryTransformerParams = TrajectoryTransformerParams()


class OnlineDistillationPhase(PhaseSettings):
    """Teaches one collective network to act as all experts do, each on its task."""

    params: OnlineDistillationParams = OnlineDistillationParams()


class RefinementPhase(PhaseSettings):
    """Trains the collective network further; what does not help is not published."""

    enabled: bool = Field(False, description="Whether the phase runs.")
    params: RefinementParams = RefinementParams()


class StudentsPhase(PhaseSettings):
    """Trains fresh learners helped by the collective, beside learners that are not; one Job a task."""

    enabled: bool = Field(False, description="Whether the phase runs.")
    parallelism: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="Number of Jobs of the phase that exist at once, at most. May be changed at any time."
    )
    params: StudentsParams = StudentsParams()


class EvaluationPhase(PhaseSettings):
    """Measures every network on the same goals, and writes the report."""

    params: EvaluationParams = EvaluationParams()


class Phases(Model):
    """The phases, in the order in which they run; each reads what earlier ones published."""

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
    """What the run is to do. Once it has begun, only what says so may be changed."""

    suspend: bool = Field(
        False,
        description="Stop at a checkpoint and stay stopped; set it back to false to go on from there. May"
        " be changed at any time.",
    )
    retry_token: str = Field(
        "",
        max_length=64,
        description="A new value, whatever it is, re-opens a Failed run at the phase where it failed, with"
        " fresh retries. May be changed at any time.",
    )
    image: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=r"^\S+$",
        description="Image of the trainer. Unset: the installation's. May be changed for attempts to come.",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Seed of everything random but the goals.")
    tasks: Annotated[
        tuple[RunTask, ...], Field(min_length=1, max_length=64), AfterValidator(_check_tasks)
    ] = Field(description="What is learned: one entry per environment and robot, each at most once.")
    storage: Storage
    run_policy: RunPolicy = RunPolicy()
    pod_template: PodTemplate | None = Field(
        None,
        description="Parts of a Pod, merged into the Pods of every phase. May be changed for attempts to"
        " come.",
    )
    environment: EnvironmentSettings = EnvironmentSettings()
    phases: Phases = Phases()
