"""What phase `evaluation` has measured so far, part by part, in a form that checkpoints keep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from collectiverun_trainer.config import EnvironmentSettings, EvaluationParams, Task
from collectiverun_trainer.environments.rendering import RenderingError
from collectiverun_trainer.order import Success
from collectiverun_trainer.report.page import VideoPanel
from collectiverun_trainer.report.summary import Network
from collectiverun_trainer.report.video import Video, animate
from collectiverun_trainer.rollouts.evaluation import evaluate_reported
from collectiverun_trainer.rollouts.outcomes import Outcomes, mean_success
from collectiverun_trainer.rollouts.policy import Policy
from collectiverun_trainer.rollouts.recording import record_video

# Longer episodes are shown faster to limit the size of the page, which holds a video of every task.
VIDEO_FRAMES = 150
VIDEO_GOAL = 0
_logger = logging.getLogger(__name__)


@dataclass
class Measurements:
    """Outcomes of every network on its tasks, and a video of the collective on each task."""

    outcomes: dict[Network, dict[Task, Outcomes]] = field(default_factory=dict)
    videos: dict[Task, Video] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    env_steps: int = 0

    def success_of_collective(self, tasks: Iterable[Task]) -> Success | None:
        """Mean success of the collective over tasks; None while it is not measured."""
        played = self.outcomes.get("collective", {})
        return mean_success(played[task] for task in tasks) if played else None

    def video_panels(self) -> list[VideoPanel]:
        """The videos with how the same goal ended in the collective's evaluation."""
        return [self._panel(task, video) for task, video in self.videos.items()]

    def _panel(self, task: Task, video: Video) -> VideoPanel:
        outcome = self.outcomes["collective"][task]
        any_step, at_end = bool(outcome.any_step[VIDEO_GOAL]), bool(outcome.at_end[VIDEO_GOAL])
        return VideoPanel(task, video, VIDEO_GOAL, any_step, at_end)

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Every episode's outcome as JSON, by network."""
        return {name: [o.to_document() for o in tasks.values()] for name, tasks in self.outcomes.items()}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        videos = [
            {"task": task.model_dump(), "animation": _tensor(v.animation), "poster": _tensor(v.poster)}
            for task, v in self.videos.items()
        ]
        return {
            "outcomes": self.documents(),
            "videos": videos,
            "done": list(self.done),
            "env_steps": self.env_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        loaded = {
            name: map(Outcomes.from_document, documents) for name, documents in state["outcomes"].items()
        }
        self.outcomes = {name: {o.task: o for o in outcomes} for name, outcomes in loaded.items()}
        self.videos = {
            Task.model_validate(v["task"]): Video(_bytes(v["animation"]), _bytes(v["poster"]))
            for v in state["videos"]
        }
        self.done, self.env_steps = list(state["done"]), state["env_steps"]


@dataclass(frozen=True)
class Measurement:
    """One part of the work: a network on a set of tasks, or a video. A kill repeats at most one."""

    name: str
    env_steps: int
    measure: Callable[[Measurements], None]

    def add_to(self, measurements: Measurements) -> None:
        """Measure, and record that it is done."""
        self.measure(measurements)
        measurements.done.append(self.name)
        measurements.env_steps += self.env_steps


def trial(
    name: str,
    network: Network,
    policies: Policy | Mapping[Task, Policy],
    tasks: tuple[Task, ...],
    settings: EnvironmentSettings,
) -> Measurement:
    """Every reported goal of every task once, by one policy for all tasks or one per task."""

    def measure(measurements: Measurements) -> None:
        outcomes = evaluate_reported(policies, tasks, settings)
        measurements.outcomes.setdefault(network, {}).update(outcomes)

    return Measurement(name, len(tasks) * settings.goals * settings.horizon_env_steps, measure)


def video(policy: Policy, task: Task, settings: EnvironmentSettings, params: EvaluationParams) -> Measurement:
    """One episode as a video: always the same goal, whatever its outcome."""

    def measure(measurements: Measurements) -> None:
        try:
            frames = record_video(policy, task, settings, VIDEO_GOAL, params.video_size).frames
        except RenderingError as error:
            _logger.warning("There is no film of %s: %s.", task.name, error)
            return
        stride = -(-len(frames) // VIDEO_FRAMES)
        measurements.videos[task] = animate(frames[::stride], params.video_frames_per_second)

    return Measurement(f"video of {task.name}", settings.horizon_env_steps, measure)


def _tensor(content: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.numpy().tobytes()
