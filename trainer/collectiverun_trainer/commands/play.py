"""Film one episode of a network of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collectiverun_trainer.commands.networks import chosen_policy, chosen_task
from collectiverun_trainer.commands.requests import PlayRequest
from collectiverun_trainer.errors import Usage
from collectiverun_trainer.learned import open_run
from collectiverun_trainer.report.video import animate
from collectiverun_trainer.rollouts.recording import record_video


def run(request: PlayRequest) -> dict[str, Any]:
    """Write the film; where it is, whose it is, and how the episode ended."""
    path = Path(request.output)
    if path.suffix.lower() == ".mp4":
        import collectiverun_trainer.report.film  # noqa: F401  (told before a minute of playing)
    opened = open_run(request.run, request.storage, seed=request.seed)
    task = chosen_task(opened, request.task)
    if request.goal >= opened.environment.goals:
        raise Usage(
            f"there is no goal {request.goal}; the run's goals are 0 to {opened.environment.goals - 1}"
        )
    policy = chosen_policy(opened, request.network, task)
    film = record_video(policy.policy, task, opened.environment, request.goal, request.size)
    _write(path, _encoded(film.frames, path.suffix.lower(), request.frames_per_second))
    return {
        "output": str(path),
        "network": request.network,
        "task": task.name,
        "goal": request.goal,
        "artifact": policy.uri,
        "frames": len(film.frames),
        "success": {"anyStep": film.any_step, "atEnd": film.at_end},
    }


def _encoded(frames: NDArray[np.uint8], ending: str, frames_per_second: int) -> bytes:
    if ending == ".webp":
        return animate(frames, frames_per_second).animation
    from collectiverun_trainer.report.film import mp4

    return mp4(frames, frames_per_second)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Usage(f"{path} can't be written: {error.strerror}") from None
