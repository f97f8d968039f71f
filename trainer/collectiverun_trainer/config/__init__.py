"""Typed parameters of every phase: the one source of the command's, the operator's and the schema's checks.

Pure data: pydantic and the names of Meta-World's tasks. Nothing heavy is imported, because the operator
reads these models too. Field names are snake_case here and lowerCamelCase in a run file. One *decision* is
`environment.actionRepeat` env steps; every count a user writes or reads is in env steps. A field's
description is what `kubectl explain` and the reference say about it: a sentence, with its unit. Defaults
are part of the API: a cluster writes them into every run, so another default is another version.
"""

from __future__ import annotations

from collectiverun_trainer.config.collective import (
    CollectiveLossParams,
    EvaluationParams,
    OnlineDistillationParams,
    RefinementParams,
)
from collectiverun_trainer.config.environment import Control, EnvironmentParams, EnvironmentSettings, Task
from collectiverun_trainer.config.model import HiddenSizes, Model, Seed
from collectiverun_trainer.config.names import (
    ROBOT_ALIASES,
    ROBOT_NAME,
    ROBOT_NAME_LIMIT,
    ROBOTS,
    TASK_LIMIT,
    TASK_NAMES,
    robot_fault,
    unknown_robot,
)
from collectiverun_trainer.config.packing import packed, unpacked
from collectiverun_trainer.config.phases import PARAMS, PHASE_NAMES, PHASES, Phase
from collectiverun_trainer.config.s3_names import (
    ANY_BUCKET,
    AWS_BUCKET,
    ENDPOINT,
    HIDDEN_USER,
    STORAGE_OPTIONS,
    endpoint_fault,
)
from collectiverun_trainer.config.sac import ExpertsParams, SACParams, StudentsParams
from collectiverun_trainer.config.transformer import TrajectoryTransformerParams

__all__ = [
    "ANY_BUCKET",
    "AWS_BUCKET",
    "ENDPOINT",
    "HIDDEN_USER",
    "PARAMS",
    "PHASES",
    "PHASE_NAMES",
    "ROBOTS",
    "ROBOT_ALIASES",
    "ROBOT_NAME",
    "ROBOT_NAME_LIMIT",
    "STORAGE_OPTIONS",
    "TASK_LIMIT",
    "TASK_NAMES",
    "CollectiveLossParams",
    "Control",
    "EnvironmentParams",
    "EnvironmentSettings",
    "EvaluationParams",
    "ExpertsParams",
    "HiddenSizes",
    "Model",
    "OnlineDistillationParams",
    "Phase",
    "RefinementParams",
    "SACParams",
    "Seed",
    "StudentsParams",
    "Task",
    "TrajectoryTransformerParams",
    "endpoint_fault",
    "packed",
    "robot_fault",
    "unknown_robot",
    "unpacked",
]
