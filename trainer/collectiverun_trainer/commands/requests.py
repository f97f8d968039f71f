"""What each command is asked, as typed documents; light, so that a wrong one is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from collectiverun_trainer.config import (
    ROBOTS,
    Control,
    EnvironmentSettings,
    ExpertsParams,
    Model,
    Seed,
    Task,
)
from collectiverun_trainer.config.names import suggestion
from collectiverun_trainer.order import StorageOptions


def html_file(output: str) -> str:
    """The path of a page that can be written. Raises ValueError if it can't be one."""
    if not output.lower().endswith((".html", ".htm")):
        raise ValueError("ends neither in .html nor in .htm; a page is written as one of these")
    if not Path(output).absolute().parent.is_dir():
        raise ValueError(f"can't be written: there is no folder {Path(output).absolute().parent}")
    return output


def empty_folder(output: str) -> str:
    """The path of a folder that is not there yet, or is empty. Raises ValueError otherwise."""
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError("is there already, and no empty folder; name a new one")
    return output


NewFolder = Annotated[str, AfterValidator(empty_folder)]


class ListRequest(Model):
    """Find runs in storage."""

    root: str = Field(
        min_length=1, description="A storage root, a namespace's folder or a run's: a path or a URI."
    )
    storage: StorageOptions = StorageOptions()
    html: str | None = Field(None, description="Index page to write of those that are finished.")

    @field_validator("html")
    @classmethod
    def _a_page(cls, html: str | None) -> str | None:
        return None if html is None else html_file(html)


Network = Literal["collective", "expert", "student", "control"]


class PlayRequest(Model):
    """Film one episode, or show episodes in a window."""

    run: str = Field(description="The run's root, a path or a URI.")
    storage: StorageOptions = StorageOptions()
    seed: int | None = Field(None, description="Of a run of several seeds; its first one if none is named.")
    network: Network = "collective"
    task: str | None = Field(None, description="Task; the run's first one if none is named.")
    goal: int = Field(0, ge=0, description="Index of the goal in the run's goal set.")
    output: str | None = Field(
        None,
        description="File to write, *.mp4 or *.webp; none: a window, goal after goal until it is closed.",
    )
    size: int = Field(480, ge=64, le=1024, description="Width and height, in pixels.")
    fps: int = Field(20, ge=1, le=60, description="Speed, in frames per second.")

    @field_validator("output")
    @classmethod
    def _a_film(cls, output: str | None) -> str | None:
        if output is None:
            return None
        if not output.lower().endswith((".mp4", ".webp")):
            raise ValueError("ends neither in .mp4 nor in .webp; films are written as one of these")
        if not Path(output).absolute().parent.is_dir():
            raise ValueError(f"can't be written: there is no folder {Path(output).absolute().parent}")
        return output


class ExportPolicyRequest(Model):
    """Make a bundle of a policy."""

    run: str = Field(description="The run's root, a path or a URI.")
    storage: StorageOptions = StorageOptions()
    seed: int | None = Field(None, description="Of a run of several seeds; its first one if none is named.")
    network: Network = "collective"
    task: str | None = Field(None, description="Of an expert, student or control; else the run's first one.")
    output: NewFolder = Field(description="Folder to write; it may not be there yet, or be empty.")


class ExportDatasetRequest(Model):
    """Make a dataset of a buffer."""

    run: str = Field(description="The run's root, a path or a URI.")
    storage: StorageOptions = StorageOptions()
    seed: int | None = Field(None, description="Of a run of several seeds; its first one if none is named.")
    buffer: Literal["experts", "online"] = Field("experts", description="buffer_distill, or online_buffer.")
    format: Literal["minari", "lerobot"]
    tasks: tuple[str, ...] = Field((), description="Those of the run whose episodes are taken; none: all.")
    sources: tuple[str, ...] = Field((), description="Who acted in the episodes taken; none: whoever.")
    output: NewFolder = Field(description="Folder to write; it may not be there yet, or be empty.")


class ExportHubRequest(Model):
    """Make a folder for a model hub."""

    run: str = Field(description="The run's root, a path or a URI.")
    storage: StorageOptions = StorageOptions()
    seed: int | None = Field(None, description="Of a run of several seeds; its first one if none is named.")
    film: bool = Field(True, description="Film an episode too, where that is possible.")
    task: str | None = Field(None, description="Of the film; the run's first one if none is named.")
    output: NewFolder = Field(description="Folder to write; it may not be there yet, or be empty.")


class ImportRequest(Model):
    """Take in an expert that was trained elsewhere."""

    model: str = Field(description="What SAC.save of stable-baselines3 wrote.")
    task: Task
    output: str = Field(min_length=1, description="Root below which it is published: a path or a URI.")
    storage: StorageOptions = StorageOptions()
    environment: EnvironmentSettings = EnvironmentSettings()
    params: ExpertsParams | None = Field(
        None, description="Of the run that will use it; none: defaults, with networks as the model has them."
    )
    seed: Seed = 1

    @field_validator("task")
    @classmethod
    def _of_a_built_in_robot(cls, task: Task) -> Task:
        if task.robot not in ROBOTS:
            known = f"{suggestion(task.robot, ROBOTS)}; an expert can come in for {', '.join(ROBOTS)}"
            raise ValueError(f"unknown robot {task.robot!r}{known}")
        return task


class RunAddress(Model):
    """A run, and how its storage is reached."""

    run: str = Field(description="The run's root, a path or a URI.")
    storage: StorageOptions = StorageOptions()


class CompareRequest(Model):
    """Compare finished runs."""

    runs: tuple[RunAddress, ...]
    output: str | None = Field(None, description="HTML file to write; none: the numbers alone.")

    @field_validator("runs")
    @classmethod
    def _several(cls, runs: tuple[RunAddress, ...]) -> tuple[RunAddress, ...]:
        if len(runs) < 2:
            raise ValueError("one run alone can't be compared; name two or more")
        return runs

    @field_validator("output")
    @classmethod
    def _a_page(cls, output: str | None) -> str | None:
        return None if output is None else html_file(output)


class RobotsRequest(Model):
    """List the robots there are."""

    pictures: str | None = Field(None, description="Folder to draw them into.")


class CheckRobotRequest(Model):
    """Find what is wrong with an arm."""

    model: str = Field(description="Its MJCF file.")
    control: Control = Field("hand", description="environment.control of the run that is to have it.")


REQUESTS: Final[dict[str, tuple[type[Model], str]]] = {
    "play": (PlayRequest, "collectiverun_trainer.commands.play"),
    "export-policy": (ExportPolicyRequest, "collectiverun_trainer.commands.export_policy"),
    "import-sb3": (ImportRequest, "collectiverun_trainer.commands.import_sb3"),
    "export-dataset": (ExportDatasetRequest, "collectiverun_trainer.commands.export_dataset"),
    "export-hub": (ExportHubRequest, "collectiverun_trainer.commands.export_hub"),
    "compare": (CompareRequest, "collectiverun_trainer.commands.compare"),
    "robots": (RobotsRequest, "collectiverun_trainer.commands.robots"),
    "check-robot": (CheckRobotRequest, "collectiverun_trainer.commands.check_robot"),
    "list": (ListRequest, "collectiverun_trainer.commands.list_runs"),
}
"""By command: its request, and the module whose `run` answers it."""
