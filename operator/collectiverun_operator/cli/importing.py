"""`collectiverun import`: experts that were trained elsewhere. A process of the trainer does the work."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from collectiverun_operator.cli.exit_codes import CommandError
from collectiverun_operator.cli.loaded_file import FileOption, Smoke, load
from collectiverun_operator.cli.looking import AsJSON
from collectiverun_operator.cli.printing import print_json
from collectiverun_operator.cli.trainer_process import ask_trainer
from collectiverun_operator.cli.using import Endpoint
from collectiverun_operator.formatting import percent
from collectiverun_operator.json_types import JSONObject

_NOTICEABLE: Final = 0.01  # share of spreads that were raised

imports = typer.Typer(help="Take in what was trained elsewhere.", no_args_is_help=True)


@imports.callback()
def _options() -> None:
    """Take in what was trained elsewhere."""


@imports.command("sb3")
def import_sb3(
    model: Annotated[
        str, typer.Argument(metavar="MODEL.zip", help="What SAC.save of stable-baselines3 wrote.")
    ],
    task: Annotated[str, typer.Option(help="Task that it solves, such as door-open-v3.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder or s3://… for `from`; it may hold other tasks.")
    ],
    robot: Annotated[str, typer.Option(help="Robot that solves it.")] = "sawyer",
    file: Annotated[str | None, FileOption] = None,
    smoke: Smoke = False,
    as_json: AsJSON = False,
    endpoint: Endpoint = None,
) -> None:
    """Make an expert of a SAC model of stable-baselines3, for phases.experts.from of a run.

    It plays as the run file has it (--file; else as the defaults have it), and its episodes are published
    with its networks. Nothing of the model is unpickled.
    """
    request: JSONObject = {
        "model": model,
        "task": {"env": task, "robot": robot},
        "output": output,
        "storage": {"endpoint": endpoint} if endpoint else {},
    }
    told = ask_trainer("import-sb3", request | _of_the_file(file, task, robot, smoke))
    if as_json:
        print_json(told)
        return
    rates, form = told["success"], told["params"]
    any_step, at_end = percent(rates["anyStep"]), percent(rates["atEnd"])
    typer.echo(f"{told['artifact']}: {told['task']}, success {any_step} at any step and {at_end} at the end")
    if told["raisedSpreads"] >= _NOTICEABLE:
        typer.echo(
            f"{percent(told['raisedSpreads'])} of its spreads were below exp(-5) and are exp(-5) now;"
            " its mean actions are the same"
        )
    sizes, norm = form["hiddenSizes"], str(form["criticLayerNorm"]).lower()
    typer.echo(
        f"in the run file: phases.experts.from: {told['output']}, with params.hiddenSizes: {sizes} and"
        f" params.criticLayerNorm: {norm}"
    )


def _of_the_file(file: str | None, task: str, robot: str, smoke: bool) -> JSONObject:
    """Environment, parameters of the experts and seed of the run that will use it."""
    if file is None:
        if smoke:
            raise CommandError("--smoke shrinks the budgets of a run file; name it with --file")
        return {}
    _, run = load(file, smoke)
    tasks = [(one.env, one.robot) for one in run.spec.tasks]
    if (task, robot) not in tasks:
        known = ", ".join(f"{env} ({arm})" for env, arm in tasks)
        raise CommandError(f"{file} has no task {task} ({robot}); it has {known}")
    return {
        "environment": run.spec.environment.model_dump(by_alias=True, mode="json"),
        "params": run.spec.phases.experts.params.model_dump(by_alias=True, mode="json"),
        "seed": run.spec.all_seeds[0],
    }
