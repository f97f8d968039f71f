"""Film one episode of a network of a run, or show episodes of it in a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectiverun_trainer.commands.networks import chosen_policy, chosen_task
from collectiverun_trainer.commands.requests import PlayRequest
from collectiverun_trainer.config import Task
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.learned.published_run import open_published

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from collectiverun_trainer.learned import LearnedPolicy


def run(request: PlayRequest) -> dict[str, Any]:
    """Write the film, or show episodes; whose they are, and how they ended."""
    if request.output and _ending(request.output) == ".mp4":
        import collectiverun_trainer.report.film  # noqa: F401  (told before a minute of playing)
    opened = open_published(request.run, request.storage, seed=request.seed)
    task = chosen_task(opened, request.task)
    if request.goal >= opened.settings.goals:
        raise Usage(f"there is no goal {request.goal}; the run's goals are 0 to {opened.settings.goals - 1}")
    policy = chosen_policy(opened, request.network, task)
    told = _shown(request, policy, task) if request.output is None else _filmed(request, policy, task)
    return {
        "network": request.network,
        "task": task.name,
        "goal": request.goal,
        "artifact": policy.uri,
        **told,
    }


def _filmed(request: PlayRequest, policy: LearnedPolicy, task: Task) -> dict[str, Any]:
    from collectiverun_trainer.rollouts.recording import record_video  # imported late, as networks are

    path = Path(str(request.output))
    film = record_video(policy.policy, task, policy.environment, request.goal, request.size)
    _write(path, _encoded(film.frames, _ending(path.name), request.fps))
    success = {"anyStep": film.any_step, "atEnd": film.at_end}
    return {"output": str(path), "frames": len(film.frames), "success": success}


def _shown(request: PlayRequest, policy: LearnedPolicy, task: Task) -> dict[str, Any]:
    from collectiverun_trainer.rollouts.showing import show  # imported late, as networks are

    seconds = 1 / request.fps
    episodes = [
        {"goal": one.goal, "success": {"anyStep": one.any_step, "atEnd": one.at_end}}
        for one in show(policy.policy, task, policy.environment, request.goal, seconds)
    ]
    return {"episodes": episodes}


def _ending(output: str) -> str:
    return Path(output).suffix.lower()


def _encoded(frames: NDArray[np.uint8], ending: str, frames_per_second: int) -> bytes:
    if ending == ".webp":
        from collectiverun_trainer.report.video import animate

        return animate(frames, frames_per_second).animation
    from collectiverun_trainer.report.film import mp4

    return mp4(frames, frames_per_second)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Usage(f"{path} can't be written: {error.strerror}") from None
