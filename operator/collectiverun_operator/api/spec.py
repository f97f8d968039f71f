"""The typed spec of a CollectiveRun, one model for each section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from collectiverun_operator.api.phases import Phases
from collectiverun_operator.api.pod_template import PodTemplate
from collectiverun_operator.api.robots import RobotModels
from collectiverun_operator.api.storage import Storage
from collectiverun_operator.api.tasks import Tasks
from collectiverun_trainer.config import EnvironmentParams, Model, Seed

MAX_SEEDS = 16


def _each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(f"{', '.join(map(str, repeated))} is listed more than once; list every seed once")
    return seeds


Seeds = Annotated[tuple[Seed, ...], Field(max_length=MAX_SEEDS), AfterValidator(_each_once)]
Seconds = Annotated[int, Field(ge=1, le=10 * 365 * 86_400)]
# However often a member runs out of memory, it is never given more than so many times what was asked for.
MEMORY_FACTOR_LIMIT = 4.0
Budget = Annotated[int, Field(ge=0, le=1000)]


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
    memory_factor: Annotated[float, Field(ge=1, le=2)] = Field(
        1.0,
        description="What the memory in a phase's resources is multiplied with for a member's next attempt"
        " each time it ran out of it, up to four times as much in all. 1: it stays.",
    )
    max_backoff_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        600, description="Longest time a member waits before a retry, in seconds."
    )


class Cleanup(Model):
    """What is deleted while the run is active."""

    succeeded_jobs: Literal["AfterPhase", "Retain"] = Field(
        "AfterPhase",
        description="AfterPhase: succeeded Jobs are deleted when their phase is done, or before that while"
        " others are refused, as by a quota. Retain: they are kept until the run is deleted. Failed Jobs are"
        " kept for a look at them.",
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
        description="Time in seconds a Pod has to start, from its creation on, or from its Job's start if no"
        " Pod could be made; then the run fails. Without it a Pod that can't be scheduled, or whose image"
        " can't be pulled, waits for ever. Unset: never.",
    )
    stall_seconds: Seconds | None = Field(
        None,
        description="Time in seconds after which a running member that makes no progress is said to be"
        " stalled: in condition Running, an Event and a metric. Unset: never.",
    )
    stall_action: Literal["Report", "Retry"] = Field(
        "Report",
        description="What is done about a stalled member beside saying so. Retry: it is stopped, for one"
        " infrastructure retry.",
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
    seed: Seed = Field(1, description="Seed of everything random but the goals.")
    seeds: Seeds = Field(
        (),
        description="Several seeds in place of `seed`: everything is done for each of them, experts of all as"
        " one batch, and phase comparison sets them side by side. At most 128 pairs of seed and task.",
    )
    tasks: Tasks = Field(
        description="What is learned: one entry per environment and robot, each at most once."
    )
    robot_models: RobotModels = Field(
        (), description="Arms that are not built in, each with its MuJoCo model; tasks name them as robot."
    )
    storage: Storage
    run_policy: RunPolicy = RunPolicy()
    pod_template: PodTemplate | None = Field(
        None,
        description="Parts of a Pod, merged into the Pods of every phase. May be changed for attempts to"
        " come.",
    )
    environment: EnvironmentParams = EnvironmentParams()
    phases: Phases = Phases()

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds that everything is done for."""
        return self.seeds or (self.seed,)
