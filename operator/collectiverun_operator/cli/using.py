"""The commands that use what a run has learned: play, export. Processes of the trainer do the work."""

from __future__ import annotations

from typing import Annotated

import typer

from collectiverun_operator.cli.exit_codes import CommandError, NotThereError
from collectiverun_operator.cli.looking import AsJSON, complete_name, find
from collectiverun_operator.cli.places import Place, ThisMachine, anywhere, with_options_of
from collectiverun_operator.cli.printing import print_json
from collectiverun_operator.cli.trainer_process import ask_trainer
from collectiverun_operator.json_types import JSONObject
from collectiverun_trainer.config import STORAGE_OPTIONS

RunOrRoot = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Name of a run, or its root: ./path, /path, file:// or s3://.",
        autocompletion=complete_name,
    ),
]
Endpoint = Annotated[
    str | None, typer.Option(help="URL of an S3 server other than AWS; a run's own is known by its name.")
]

NewFolder = Annotated[str, typer.Option("--output", "-o", help="Folder to write; a new or an empty one.")]
Seed = Annotated[
    int | None, typer.Option(help="Of a run of several seeds, the one; its first if none is named.")
]


def play(
    run: RunOrRoot,
    place: Place,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="File to write: *.mp4 or *.webp.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="A window instead: goal after goal until it is closed.")
    ] = False,
    network: Annotated[
        str, typer.Option(help="collective, expert, student, or control (a student without help).")
    ] = "collective",
    task: Annotated[
        str | None, typer.Option(help="Task, such as reach-v3; the run's first one if none is named.")
    ] = None,
    seed: Seed = None,
    goal: Annotated[int, typer.Option(help="Index of the goal, from 0, as in the report's films.")] = 0,
    size: Annotated[int, typer.Option(help="Width and height, 64 to 1024 pixels.")] = 480,
    frames_per_second: Annotated[int, typer.Option("--fps", help="Speed, 1 to 60.")] = 20,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Film one episode of a network of a run, or show its episodes in a window."""
    if (output is None) != live:
        raise CommandError(
            "play writes a film (--output FILE) or opens a window (--live): give one of the two"
        )
    request = addressed(run, endpoint, place) | {
        "network": network,
        "task": task,
        "seed": seed,
        "goal": goal,
        "output": output,
        "size": size,
        "fps": frames_per_second,
    }
    told = ask_trainer("play", request)
    if as_json:
        print_json(told)
        return
    if output is None:
        for one in told["episodes"]:
            typer.echo(f"{told['network']} on {told['task']}, goal {one['goal']}: {_ending(one['success'])}")
        return
    ending = _ending(told["success"])
    typer.echo(f"{told['output']}: {told['network']} on {told['task']}, goal {told['goal']}: {ending}")


def _ending(success: JSONObject) -> str:
    words = {(True, True): "success at the end", (True, False): "success on the way, not at the end"}
    return words.get((success["anyStep"], success["atEnd"]), "no success")


export = typer.Typer(help="Write what a run has learned for programs of others.", no_args_is_help=True)


@export.command("policy")
@with_options_of(anywhere)
def export_policy(
    run: RunOrRoot,
    place: Place,
    output: NewFolder,
    network: Annotated[str, typer.Option(help="collective, expert, student, or control.")] = "collective",
    task: Annotated[
        str | None,
        typer.Option(help="Of an expert, student or control; the run's first one if none is named."),
    ] = None,
    seed: Seed = None,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Write ONNX graphs of a policy, what describes them, and a program that acts with them."""
    wish = {"network": network, "task": task, "seed": seed, "output": output}
    told = ask_trainer("export-policy", addressed(run, endpoint, place) | wish)
    if as_json:
        print_json(told)
        return
    check = told["check"]
    typer.echo(f"{told['output']}: {', '.join(told['files'])}")
    typer.echo(
        f"compared with torch on {check['episodes']} whole episodes, {check['decisions']} decisions:"
        f" no action differs by more than {check['largestDifference']:.1e}"
    )


@export.command("dataset")
@with_options_of(anywhere)
def export_dataset(
    run: RunOrRoot,
    place: Place,
    output: NewFolder,
    form: Annotated[str, typer.Option("--format", help="minari or lerobot.")],
    buffer: Annotated[
        str, typer.Option(help="experts (what each expert published), or online (what distillation played).")
    ] = "experts",
    tasks: Annotated[
        list[str] | None, typer.Option("--task", help="Only this task's episodes; may be repeated.")
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="Only episodes it acted in, such as policy; may be repeated."),
    ] = None,
    seed: Seed = None,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Write recorded episodes as a dataset of Minari or LeRobot."""
    wish = {
        "format": form,
        "buffer": buffer,
        "tasks": tasks or [],
        "sources": sources or [],
        "seed": seed,
        "output": output,
    }
    told = ask_trainer("export-dataset", addressed(run, endpoint, place) | wish)
    if as_json:
        print_json(told)
        return
    acted = ", ".join(f"{count} of {source}" for source, count in told["sources"].items())
    typer.echo(f"{told['output']}: {told['episodes']} episodes ({acted}), {told['decisions']} decisions")
    typer.echo(f"open it with {told['open']}")


@export.command("hub")
@with_options_of(anywhere)
def export_hub(
    run: RunOrRoot,
    place: Place,
    output: NewFolder,
    film: Annotated[bool, typer.Option(help="With a film of one episode, where it can be drawn.")] = True,
    task: Annotated[
        str | None, typer.Option(help="Task of the film; the run's first one if none is named.")
    ] = None,
    seed: Seed = None,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Write the collective as a folder for a model hub, with a card of what it reaches. Nothing is pushed."""
    wish = {"film": film, "task": task, "seed": seed, "output": output}
    told = ask_trainer("export-hub", addressed(run, endpoint, place) | wish)
    if as_json:
        print_json(told)
        return
    typer.echo(f"{told['output']}: {', '.join(told['files'])}")
    if told["withoutFilm"]:
        typer.echo(f"without a film: {told['withoutFilm']}")
    typer.echo("look through README.md and add a license to its metadata; nothing was pushed, this would:")
    typer.echo(f"  {told['push']}")


def addressed(run: str, endpoint: str | None, place: Place) -> JSONObject:
    """A run as the trainer is told of it: its root, and how its storage is reached. Raises CommandError."""
    given: JSONObject = {"endpoint": endpoint} if endpoint else {}
    if isinstance(place, ThisMachine) and ("/" in run or "://" in run or run.startswith(".")):
        return {"run": run, "storage": given}
    found = find(run, place)
    if not found.status.storage_root:
        raise NotThereError(f"{found.title} has not begun: it is {found.state}, and has published nothing")
    storage = found.storage or {}
    own = {name: storage[name] for name in STORAGE_OPTIONS if name in storage}
    return {"run": found.status.storage_root, "storage": own | given}
