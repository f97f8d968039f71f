"""Section `robotModels` of a spec: the arms that a run brings along."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from collectiverun_operator.api.storage import OBJECT_NAME
from collectiverun_trainer.config import ROBOT_NAME, ROBOT_NAME_LIMIT, Model

NEEDS_CONFIG_MAP = (
    "is not on the cluster; make a ConfigMap of the model (kubectl create configmap NAME"
    " --from-file=my-arm.xml) and give its name as configMapName"
)
NEEDS_PATH = "is not on this machine; give the file of its model as path"


class RobotModel(Model):
    """An arm of one's own, as a MuJoCo model; see docs/robots.md.

    A cluster reads it from `configMapName`, this machine from `path`. Both may be given, so that one file
    serves both.
    """

    name: str = Field(
        min_length=1,
        max_length=ROBOT_NAME_LIMIT,
        pattern=f"^{ROBOT_NAME}$",
        description="What tasks call the robot; no name of a built-in one.",
    )
    path: str = Field(
        "",
        max_length=1024,
        description="MJCF file of the arm on this machine, relative to the run file. A cluster ignores it.",
    )
    config_map_name: str = Field(
        "",
        max_length=253,
        pattern=rf"^$|{OBJECT_NAME}",
        description="ConfigMap of the run's namespace with one key that ends in .xml, the MJCF file, and one"
        " for each mesh it names (binaryData); at most 1 MiB in all. This machine ignores it.",
    )


def check_robot_models(models: tuple[RobotModel, ...]) -> tuple[RobotModel, ...]:
    """The models. Raises ValueError if two have one name."""
    names = [model.name for model in models]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{', '.join(map(repr, repeated))} is listed more than once; list every robot once")
    return models


RobotModels = Annotated[tuple[RobotModel, ...], Field(max_length=16), AfterValidator(check_robot_models)]
