"""What a running phase reports: JSON lines on stdout for programs, a progress bar on stderr for people.

Everything shown later comes from one stream of metrics. Its records are kept in checkpoints, so that an
artifact's `metrics.jsonl` is complete and the same however often the phase was interrupted.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, SupportsFloat, TextIO

from collectiverun_trainer.config import Task
from collectiverun_trainer.order import Success
from collectiverun_trainer.process import memory, output

METRICS_NAME: Final = "metrics.jsonl"
"""File of an artifact that holds all metrics."""
PROGRESS_INTERVAL_SECONDS: Final = 1.0


class Bar(Protocol):
    """Shows progress to a person."""

    def show(self, document: Mapping[str, Any]) -> None:
        """Draw the progress document."""


class Reporter:
    """Emits progress, metrics and log lines, and keeps all metrics so far."""

    def __init__(
        self,
        stream: TextIO | None = None,  # None for whatever sys.stdout is at the time
        bar: Bar | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.records: list[dict[str, Any]] = []
        self._stream = stream
        self._bar = bar
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._last_time = -math.inf
        self._began = (clock(), time.process_time())
        self._spent_before = (0.0, 0.0)

    @property
    def spent_seconds(self) -> tuple[float, float]:
        """(wall, CPU) seconds: of this process and, through the checkpoint, of those before it."""
        wall, cpu = self._spent_before
        return wall + self._clock() - self._began[0], cpu + time.process_time() - self._began[1]

    def of_seed(self, seed: int, spent_seconds: tuple[float, float]) -> Reporter:
        """What belongs to one of several seeds: its metrics, and its share of (wall, CPU) seconds spent."""
        own = Reporter(self._stream, self._bar, self._clock)
        mine = (record for record in self.records if record["seed"] == seed)
        own.records = [{name: value for name, value in one.items() if name != "seed"} for one in mine]
        own._spent_before = spent_seconds
        return own

    def progress(
        self, env_steps: int, total: int, success: Success | None = None, activity: str = "training"
    ) -> None:
        """Report progress, at most about once a second, but always at the end.

        Args:
            env_steps: env steps done (gradient steps in phases that take no env steps).
            total: env steps of the whole phase.
            success: success rates so far, if any.
            activity: what the phase is doing, such as "training" or "evaluating".
        """
        now = self._clock()
        first_time, first_steps = self._first = self._first or (now, env_steps)
        if now - self._last_time < PROGRESS_INTERVAL_SECONDS and env_steps < total:
            return
        self._last_time = now
        rate = (env_steps - first_steps) / (now - first_time) if now > first_time else 0.0
        document = {
            "envSteps": env_steps,
            "totalEnvSteps": total,
            "fraction": min(1.0, env_steps / total) if total else 1.0,
            "envStepsPerSecond": round(rate, 1),
            "etaSeconds": round(max(0, total - env_steps) / rate, 1) if rate else None,
            "success": success.model_dump(by_alias=True) if success else None,
            "activity": activity,
            "peakMemoryBytes": memory.peak_bytes(),
            "cpuSeconds": round(time.process_time(), 1),
        }
        self._emit("progress", document)
        if self._bar:
            self._bar.show(document)

    def metrics(
        self,
        env_steps: int,
        gradient_steps: int,
        values: Mapping[str, SupportsFloat],
        task: Task | str | None = None,
        seed: int | None = None,
    ) -> None:
        """Record metrics of one moment; NaN and infinity become null.

        Args:
            env_steps: env steps done (per task where the phase counts so).
            gradient_steps: gradient steps done.
            values: metrics by namespaced name, such as "losses/critic"; 0-d tensors are fine.
            task: the task, or its name, the metrics belong to; None for the whole phase.
            seed: the seed they belong to, where the phase has several.
        """
        record = {
            "envSteps": env_steps,
            "gradientSteps": gradient_steps,
            "task": task.name if isinstance(task, Task) else task,
            **({} if seed is None else {"seed": seed}),
            "values": {name: _finite_or_none(float(value)) for name, value in values.items()},
        }
        self.records.append(record)
        self._emit("metrics", record)

    def log(self, message: str, level: str = "info", *, retrying: bool = False) -> None:
        """Emit one log line; `retrying`: the phase waits, and tries what the message is about again."""
        self._emit("log", {"level": level, "message": message} | ({"retrying": True} if retrying else {}))

    def metrics_lines(self) -> bytes:
        """All metrics so far as the content of `metrics.jsonl`. No times, so equal runs give equal bytes."""
        return "".join(json.dumps(record) + "\n" for record in self.records).encode()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"records": list(self.records), "spent_seconds": list(self.spent_seconds)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.records = list(state["records"])
        wall, cpu = state["spent_seconds"]
        self._spent_before = (wall, cpu)
        self._began = (self._clock(), time.process_time())

    def _emit(self, kind: str, document: Mapping[str, Any]) -> None:
        line = json.dumps({"kind": kind, "time": round(self._clock(), 3), **document})
        output.say(line, self._stream)


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
