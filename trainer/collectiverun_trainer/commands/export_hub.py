"""Export the collective of a finished run as a folder for a model hub. Pushing it is left to its user."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectiverun_trainer.commands.export_policy import COMPARING, PACKAGES
from collectiverun_trainer.commands.networks import chosen_task, require_network
from collectiverun_trainer.commands.new_folder import new_folder
from collectiverun_trainer.commands.packages import require_packages
from collectiverun_trainer.commands.requests import ExportHubRequest
from collectiverun_trainer.comparison.reading import finished_summary
from collectiverun_trainer.config import Task
from collectiverun_trainer.learned.published_run import open_published
from collectiverun_trainer.process import output

if TYPE_CHECKING:
    from collectiverun_trainer.export.hub.card import FilmTold
    from collectiverun_trainer.learned import LearnedPolicy, Run
    from collectiverun_trainer.rollouts.recording import Film

FILM = "replay.mp4"
GOAL = 0
_FILM_PIXELS, _FRAMES_PER_SECOND = 480, 20


def run(request: ExportHubRequest) -> dict[str, Any]:
    """Write the folder; what is in it, what is not and why, and how it is pushed."""
    require_packages(*PACKAGES, "yaml")
    found = open_published(request.run, request.storage, seed=request.seed)
    summary = finished_summary(found)
    task = chosen_task(found, request.task)
    require_network(found, "collective", task)
    # Imported late, when nothing of the request is wrong: torch's exporter and Meta-World take seconds.
    from collectiverun_trainer.export.hub.folder import write_arms, write_networks, write_words
    from collectiverun_trainer.learned import Run

    opened = Run.of(found)
    learned, collective = opened.collective(), opened.collective_network()
    film, missing = None, "no film was asked for"
    with new_folder(request.output) as folder:
        output.say(COMPARING, sys.stderr)
        # First: torch's exporter loads its compiler, which crashes where Mesa has drawn.
        document = write_networks(folder, collective, learned)
        if request.film:
            output.say(f"filming an episode of {task.name}", sys.stderr)
            film, missing = _film(opened, learned, task, folder)
        write_arms(folder, opened.artifact("evaluation"))
        write_words(folder, summary, film)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {
        "output": request.output,
        "files": files,
        "film": None if film is None else {"file": film.file, "task": film.task, "goal": film.goal},
        "withoutFilm": missing if film is None else None,
        "push": f"hf upload <user>/{summary.run.name} {shlex.quote(request.output)}",
        **document.model_dump(by_alias=True, mode="json", include={"check"}),
    }


def _film(opened: Run, learned: LearnedPolicy, task: Task, folder: Path) -> tuple[FilmTold | None, str]:
    """The film of an episode; or None, and why there is none."""
    try:
        from collectiverun_trainer.report.film import mp4
    except ModuleNotFoundError as error:
        return None, f"a film needs the package {error.name}: pip install 'collectiverun[play]'"
    from collectiverun_trainer.environments.rendering import RenderingError
    from collectiverun_trainer.export.hub.card import FilmTold
    from collectiverun_trainer.rollouts.recording import record_video

    try:
        film = record_video(learned.policy, task, opened.environment, GOAL, _FILM_PIXELS)
    except RenderingError as error:
        return None, str(error)
    (folder / FILM).write_bytes(mp4(film.frames, _FRAMES_PER_SECOND))
    return FilmTold(FILM, task.name, GOAL, _outcome(film)), ""


def _outcome(film: Film) -> str:
    if film.at_end:
        return "success at the end"
    return "success on the way, not at the end" if film.any_step else "no success"
