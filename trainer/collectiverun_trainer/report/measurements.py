"""What evaluation has measured so far, piece by piece, in a form that checkpoints keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from collectiverun_trainer.config import EnvironmentSettings, EvaluationParams, Task
from collectiverun_trainer.learning.selection import mean_success
from collectiverun_trainer.order import Success
from collectiverun_trainer.report.page import Video
from collectiverun_trainer.report.summary import Network
from collectiverun_trainer.report.video import animation
from collectiverun_trainer.rollouts.evaluation import Outcomes, evaluate, record_video
from collectiverun_trainer.rollouts.policy import Policy

# Longer episodes are shown faster rather than made heavier: a page holds a video of every task.
VIDEO_FRAMES = 150
VIDEO_GOAL = 0


@dataclass(frozen=True)
class Film:
    """A rollout as an animated WebP, and its last frame."""

    moving: bytes
    still: bytes


@dataclass
class Measurements:
    """Outcomes of every network on every task it played, and a film of the collective on each."""

    outcomes: dict[Network, dict[Task, Outcomes]] = field(default_factory=dict)
    films: dict[Task, Film] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    env_steps: int = 0

    def success_of_collective(self, tasks: Iterable[Task]) -> Success | None:
        """Mean success of the collective over tasks; None while it is not measured."""
        played = self.outcomes.get("collective", {})
        return mean_success(played[task] for task in tasks) if played else None

    def videos(self) -> list[Video]:
        """The films with how the same goal ended in the collective's evaluation."""
        return [self._video(task, film) for task, film in self.films.items()]

    def _video(self, task: Task, film: Film) -> Video:
        outcome = self.outcomes["collective"][task]
        any_step, at_end = bool(outcome.any_step[VIDEO_GOAL]), bool(outcome.at_end[VIDEO_GOAL])
        return Video(task, film.moving, film.still, VIDEO_GOAL, any_step, at_end)

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Every episode's outcome as JSON, by network."""
        return {name: [o.to_document() for o in tasks.values()] for name, tasks in self.outcomes.items()}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        films = [
            {"task": task.model_dump(), "moving": _tensor(film.moving), "still": _tensor(film.still)}
            for task, film in self.films.items()
        ]
        return {
            "outcomes": self.documents(),
            "films": films,
            "done": list(self.done),
            "env_steps": self.env_steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        loaded = {
            name: map(Outcomes.from_document, documents) for name, documents in state["outcomes"].items()
        }
        self.outcomes = {name: {o.task: o for o in outcomes} for name, outcomes in loaded.items()}
        self.films = {
            Task.model_validate(film["task"]): Film(_bytes(film["moving"]), _bytes(film["still"]))
            for film in state["films"]
        }
        self.done, self.env_steps = list(state["done"]), state["env_steps"]


@dataclass(frozen=True)
class Piece:
    """One piece of work: a network on a set of tasks, or a film. A kill repeats at most one."""

    name: str
    env_steps: int
    measure: Callable[[Measurements], None]

    def add_to(self, measurements: Measurements) -> None:
        """Measure and note that it is done."""
        self.measure(measurements)
        measurements.done.append(self.name)
        measurements.env_steps += self.env_steps


def trial(
    name: str,
    network: Network,
    policies: Policy | Mapping[Task, Policy],
    tasks: tuple[Task, ...],
    settings: EnvironmentSettings,
) -> Piece:
    """Every reported goal of every task once, by one policy for all tasks or one for each."""

    def measure(measurements: Measurements) -> None:
        found = evaluate(policies, tasks, settings, settings.goal_seed, settings.goals)
        measurements.outcomes.setdefault(network, {}).update(found)

    return Piece(name, len(tasks) * settings.goals * settings.horizon_env_steps, measure)


def film(policy: Policy, task: Task, settings: EnvironmentSettings, params: EvaluationParams) -> Piece:
    """One episode as pictures: always the same goal, whatever its outcome."""

    def measure(measurements: Measurements) -> None:
        frames = record_video(policy, task, settings, VIDEO_GOAL, params.video_size)
        stride = -(-len(frames) // VIDEO_FRAMES)
        measurements.films[task] = Film(*animation(frames[::stride], params.video_frames_per_second))

    return Piece(f"video of {task.name}", settings.horizon_env_steps, measure)


def _tensor(content: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.numpy().tobytes()
