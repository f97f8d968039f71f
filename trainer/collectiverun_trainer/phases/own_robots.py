"""The arms that a run brings along: read and checked before a phase begins, kept in what it publishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from collectiverun_trainer.artifacts.artifact import Artifact
from collectiverun_trainer.artifacts.robot_files import file_name, recorded_models
from collectiverun_trainer.config import EnvironmentSettings
from collectiverun_trainer.environments.robots.checking import faults_of
from collectiverun_trainer.environments.robots.model_files import ArmFault, ModelFiles
from collectiverun_trainer.environments.robots.own import adopt, adopted
from collectiverun_trainer.errors import InvalidConfiguration
from collectiverun_trainer.order import PhaseOrder


def with_own_robots(order: PhaseOrder) -> PhaseOrder:
    """The order, its environment with the digests of the models that its tasks need.

    The first phase checks all models of the run, so that none is found wanting after days of training.

    Raises:
        InvalidConfiguration: a model can't be used, with a sentence for each fault.
    """
    models = {name: _read(name, place) for name, place in order.robot_models.items()}
    if order.phase == "experts":
        for name, model in models.items():
            if faults := faults_of(model, order.environment.control):
                raise _unusable(name, *faults)
    needed = dict.fromkeys(task.robot for task in (*order.tasks, *order.holdout))
    digests = {name: adopt(models[name]) for name in needed if name in models}
    environment = order.environment.model_copy(update={"robot_models": digests})
    return order.model_copy(update={"environment": environment})


def files_of(environment: EnvironmentSettings) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the models, as an artifact holds them."""
    for robot, digest in environment.robot_models.items():
        for name, content in adopted(robot, digest).files.items():
            yield file_name(robot, name), content


def require_same(order: PhaseOrder, artifact: Artifact) -> None:
    """Raise InvalidConfiguration if an earlier phase was given another model of a robot than this one."""
    now, was = order.environment.robot_models, recorded_models(artifact)
    changed = [name for name in now if was.get(name, now[name]) != now[name]]
    if changed:
        name = changed[0]
        raise InvalidConfiguration(
            f"The model of the robot {name!r} was changed while the run went on: {artifact.uri} was made with"
            f" sha256 {was[name]}, now it is {now[name]}; put the old model back, or begin a new run."
        )


def _read(name: str, place: str) -> ModelFiles:
    try:
        return ModelFiles.read(Path(place))
    except ArmFault as fault:
        raise _unusable(name, *fault.sentences) from fault


def _unusable(name: str, *sentences: str) -> InvalidConfiguration:
    return InvalidConfiguration(f"The robot {name!r} can't take Sawyer's place. {' '.join(sentences)}")
