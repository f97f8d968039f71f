"""What a phase gets: its order, storage, reporter, checkpoints, device, and the flag that stops it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import torch

from collectiverun_trainer.artifacts.artifact import Artifact, ArtifactWriter, Commit
from collectiverun_trainer.artifacts.checkpoint import CheckpointStore
from collectiverun_trainer.artifacts.parts import folder_of, part_of, parts_metadata
from collectiverun_trainer.artifacts.reuse import earlier_artifacts
from collectiverun_trainer.artifacts.storage import Storage, join
from collectiverun_trainer.config import Model, Phase
from collectiverun_trainer.errors import InputInvalid, InvalidConfiguration, Stopped
from collectiverun_trainer.order import (
    POD_UID_VARIABLE,
    ArtifactReference,
    PhaseOrder,
    PhaseResult,
    Success,
)
from collectiverun_trainer.phases import own_robots
from collectiverun_trainer.phases.configuration import configuration, typed_params
from collectiverun_trainer.process.divergence import told_divergence
from collectiverun_trainer.process.reporter import METRICS_NAME, Reporter
from collectiverun_trainer.process.stopping import StopFlag
from collectiverun_trainer.process.versions import versions

_Params = TypeVar("_Params", bound=Model)


def pod_name() -> str:
    """Distinguishes two Pods of one attempt: the start of the Pod's UID; random when run by hand."""
    return os.environ.get(POD_UID_VARIABLE, "")[:8] or secrets.token_hex(4)


class Resumable(Protocol):
    """Work whose state a checkpoint can hold."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of the work depends on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""


@dataclass
class PhaseContext:
    """Everything a phase works with, and its only way to the outside."""

    order: PhaseOrder
    storage: Storage
    reporter: Reporter
    checkpoints: CheckpointStore
    device: torch.device
    stop: StopFlag
    pod: str = field(default_factory=pod_name)
    _work: Resumable | None = None
    _parents: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    _folder: str = ""

    def params(self, model: type[_Params]) -> _Params:
        """The phase's typed parameters. Raises InvalidConfiguration with the field of every fault."""
        return typed_params(self.order, model)

    def inputs(self, phase: Phase) -> list[tuple[ArtifactReference, Artifact]]:
        """What the order's seed has of the artifacts the order names for a phase, in the order's order.

        Raises:
            InputInvalid: if the order names none, or one is missing, damaged or not the one ordered.
            InvalidConfiguration: if one was made with another model of a robot that the run brings along.
        """
        seed = self.order.seed
        return [(named, part_of(self.storage, whole, seed)) for named, whole in self.whole_inputs(phase)]

    def whole_inputs(self, phase: Phase) -> list[tuple[ArtifactReference, Artifact]]:
        """`inputs` with what they have of all seeds."""
        references = self.order.inputs.get(phase, ())
        if not references:
            raise InputInvalid(
                f"The phase order names no artifact of {phase!r}, which {self.order.phase!r} reads."
            )
        opened = [(each, Artifact.open(self.storage, each.uri, each.manifest_sha256)) for each in references]
        for _, artifact in opened:
            own_robots.require_same(self.order, artifact)
        self._parents[phase] = [
            {"member": reference.member, "uri": artifact.uri, "manifestSha256": artifact.manifest_sha256}
            for reference, artifact in opened
        ]
        return opened

    def inputs_of_first(self, *phases: Phase) -> list[tuple[ArtifactReference, Artifact]]:
        """`inputs` of the first of these phases that the order names, of the last one if it names none."""
        named = (phase for phase in phases if self.order.inputs.get(phase))
        return self.inputs(next(named, phases[-1]))

    @cached_property
    def earlier(self) -> list[Artifact]:
        """Artifacts of an earlier run that stand in for this phase's work (`from`), for any of its tasks.

        Raises:
            InputInvalid: it is damaged.
            InvalidConfiguration: the earlier run has nothing of the phase, or made it otherwise.
        """
        return earlier_artifacts(self.storage, self.order, self.config)

    def writer(self) -> ArtifactWriter:
        """Writer of this Pod's artifact."""
        uri = join(self.order.member_uri, f"attempt-{self.order.attempt}", self.pod)
        return ArtifactWriter(self.storage, join(uri, self._folder) if self._folder else uri)

    def of_seed(self, seed: int, spent_seconds: tuple[float, float]) -> PhaseContext:
        """The context in which the part of one of several seeds is published.

        `spent_seconds`: (wall, CPU), what counts as the seed's of the time spent so far.
        """
        reporter, order = self.reporter.of_seed(seed, spent_seconds), self.order.of_seed(seed)
        return replace(self, order=order, reporter=reporter, _folder=folder_of(seed))

    def resume(self, work: Resumable) -> bool:
        """Put the phase's work, and the metrics it has reported, back to where the last attempt saved them.

        From now on checkpoints hold the state of `work`.

        Returns:
            Whether there was a checkpoint; without one `work` stays as it is.

        Raises:
            InvalidConfiguration: if the checkpoint was saved under another configuration, or with other
                artifacts of an earlier run in place of work.
        """
        self._work = work
        saved = self.checkpoints.latest()
        if saved:
            self._require_earlier(saved[1].get("earlier", []))
            work.load_state_dict(saved[1]["work"])
            self.reporter.load_state_dict(saved[1]["reporter"])
        return saved is not None

    def checkpoint_or_stop(self, step: int, every: int | None = None) -> None:
        """Call at each place where a checkpoint of the resumed work may be taken.

        Args:
            step: steps done, as the phase counts them.
            every: also save when `step` has passed a multiple of this since the last checkpoint.

        Raises:
            Stopped: after saving, if the phase was asked to stop.
        """
        last = self.checkpoints.last_step
        due = every is not None and step // every > (last or 0) // every
        if (due or self.stop.requested) and step != last:
            self._save(step)
        # A signal between the two checks of the flag has no checkpoint yet: the next call saves one.
        if self.stop.requested and self.checkpoints.last_step == step:
            raise Stopped(f"Stopped on request; the checkpoint at step {step} is saved.")

    def _save(self, step: int) -> None:
        if self._work is None:
            raise RuntimeError("There is no work to save; call resume first.")
        state = {"work": self._work.state_dict(), "reporter": self.reporter.state_dict()}
        self.checkpoints.save(step, state | ({"earlier": self._earlier_uris} if self.earlier else {}))

    @property
    def _earlier_uris(self) -> list[str]:
        return [artifact.uri for artifact in self.earlier]

    def _require_earlier(self, uris: list[str]) -> None:
        """An earlier run that goes on may have more to give at the next attempt."""
        if uris != self._earlier_uris:
            raise InvalidConfiguration(
                f"phases.{self.order.phase}.from: {self.order.from_} gives {self._earlier_uris} now and gave"
                f" {uris} when the checkpoint was saved; begin a new run."
            )

    def publish(
        self,
        writer: ArtifactWriter,
        success: Success | None,
        env_steps: int,
        note: str = "",
        extra: Mapping[str, Any] | None = None,
        *,
        experts: Success | None = None,
        students: Success | None = None,
        parts: Mapping[int, Commit] | None = None,
    ) -> PhaseResult:
        """Add metrics and the models of own robots, commit the artifact, and return the phase's result.

        Args:
            writer: holds the phase's own files.
            success: success rates of the policies published; None if there are none.
            env_steps: env steps taken in all.
            note: one sentence for a person; losses without bound are told behind it.
            extra: JSON that the manifest keeps under "extra".
            experts: success of the experts (evaluation only).
            students: success of the students (evaluation only).
            parts: by seed, what was published, and told, in parts of this artifact.
        """
        writer.add(METRICS_NAME, self.reporter.metrics_lines())
        for name, content in own_robots.files_of(self.order.environment):
            writer.add(name, content)
        diverged = "" if parts else told_divergence(self.reporter.records, self.config["params"])
        result = PhaseResult(
            exit_code=0,
            reason="Succeeded",
            env_steps=env_steps,
            success=success,
            experts=experts,
            students=students,
            note=" ".join(filter(None, (note, diverged))),
        )
        document = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        metadata = self._metadata(document) | parts_metadata(parts or {})
        commit = writer.commit(metadata | {"extra": dict(extra or {})})
        return result.model_copy(update={"uri": commit.uri, "manifest_sha256": commit.manifest_sha256})

    @cached_property
    def config(self) -> dict[str, Any]:
        """What the outcome depends on, defaults filled in."""
        return configuration(self.order)

    def _metadata(self, result: dict[str, Any]) -> dict[str, Any]:
        wall_seconds, cpu_seconds = self.reporter.spent_seconds
        return {
            "run": self.order.run.model_dump(by_alias=True),
            "phase": self.order.phase,
            "member": self.order.member,
            "attempt": self.order.attempt,
            "tasks": [task.model_dump(by_alias=True) for task in self.order.tasks],
            "config": self.config,
            "parents": self._parents,
            "reused": [
                {"uri": artifact.uri, "manifestSha256": artifact.manifest_sha256} for artifact in self.earlier
            ],
            "envSteps": result["envSteps"],
            "success": result.get("success"),
            "result": result,
            "wallSeconds": round(wall_seconds, 3),
            "cpuSeconds": round(cpu_seconds, 3),
            "threads": self.order.threads,
            "device": self.device.type,
            "versions": versions(),
        }
