"""Rules in CEL, with which the API server (1.25 and later) refuses at once what the operator would refuse.

The operator checks every one of them too (`consistency.py`, `immutability.py` and the models' validators),
for older servers ignore them. What the schema says already (bounds, patterns, repeated tasks) stands there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collectiverun_operator.specification.immutability import MUTABLE, MUTABLE_IN_PHASES
from collectiverun_operator.specification.run import Phases, Spec

JSONObject = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """What must hold of `self`, and what is said where it does not."""

    rule: str
    message: str

    def as_json(self) -> JSONObject:
        """As the schema has it."""
        return {"rule": self.rule, "message": self.message}


def with_rules(schema: JSONObject) -> JSONObject:
    """A copy of a run's schema with the rules at the objects and lists they are about."""
    schema = copy.deepcopy(schema)
    for path, rules in all_rules().items():
        _at(schema, path)["x-kubernetes-validations"] = [rule.as_json() for rule in rules]
    return schema


def all_rules() -> Mapping[str, tuple[Rule, ...]]:
    """Path of an object or list, such as `spec.tasks`, to the rules about it; "" is the run."""
    return {"": tuple(_immutability_rules())} | _CONSISTENCY


def _at(schema: JSONObject, path: str) -> JSONObject:
    for name in filter(None, path.split(".")):
        schema = schema["properties"][name]
    return schema


def _immutability_rules() -> Iterator[Rule]:
    """One for each field that must not change: from the same lists as the operator's own check."""
    for path in _immutable_fields():
        same = _SAME_TASKS if path == "spec.tasks" else f"self.{path} == oldSelf.{path}"
        yield Rule(
            f"!has(oldSelf.status) || !has(oldSelf.status.specHash) || {same}",
            f"{path} can't be changed once the run has begun; give the run another name",
        )


# Their order counts, and lists that are maps are compared without it.
_SAME_TASKS = (
    "(self.spec.tasks.map(t, [t.env, t.robot]) == oldSelf.spec.tasks.map(t, [t.env, t.robot])"
    " && self.spec.tasks.map(t, t.holdout) == oldSelf.spec.tasks.map(t, t.holdout))"
)


def _immutable_fields() -> Iterator[str]:
    for name, field in Spec.model_fields.items():
        alias = field.alias or name
        if alias not in (*MUTABLE, "phases"):
            yield f"spec.{alias}"
    for name, phase in Phases.model_fields.items():
        settings: Any = phase.annotation
        for inner, field in settings.model_fields.items():
            if (field.alias or inner) not in MUTABLE_IN_PHASES:
                yield f"spec.phases.{phase.alias or name}.{field.alias or inner}"


def _budget_rules(phase: str) -> Iterator[Rule]:
    params = f"self.phases.{phase}.params"
    path = f"spec.{params.removeprefix('self.')}"
    scripted = f" || {params}.source == 'scripted'" if phase == "experts" else ""
    yield Rule(
        f"{params}.totalEnvSteps >= self.environment.horizonEnvSteps",
        f"{path}.totalEnvSteps is less than one episode (spec.environment.horizonEnvSteps)",
    )
    yield Rule(
        f"{params}.randomEnvSteps < {params}.totalEnvSteps{scripted}",
        f"{path}.randomEnvSteps leaves none of totalEnvSteps to learn in",
    )


_ENCODER = "self.phases.trajectoryTransformer.params"
_DISTILLATION = "self.phases.onlineDistillation.params"
# Objects with a default take no rules: the server tries a rule on the default before it fills it from inside.
_CONSISTENCY: dict[str, tuple[Rule, ...]] = {
    "spec": (
        Rule(
            "self.environment.horizonEnvSteps % self.environment.actionRepeat == 0",
            "spec.environment.horizonEnvSteps must be a multiple of actionRepeat",
        ),
        Rule(
            "self.phases.students.params.tasks.all(s,"
            " self.tasks.exists(t, t.env == s.env && t.robot == s.robot))",
            "spec.phases.students.params.tasks names a task that is not among spec.tasks",
        ),
        *_budget_rules("experts"),
        *_budget_rules("students"),
        Rule(
            f"{_ENCODER}.modelSize % {_ENCODER}.heads == 0",
            "spec.phases.trajectoryTransformer.params.modelSize must be a multiple of heads",
        ),
        Rule(
            f"{_ENCODER}.contrastiveWeight + {_ENCODER}.reconstructionWeight"
            f" + {_ENCODER}.temporalWeight > 0.0",
            "spec.phases.trajectoryTransformer.params: contrastiveWeight, reconstructionWeight and"
            " temporalWeight are all 0: nothing to learn",
        ),
        Rule(
            f"{_DISTILLATION}.randomShare + {_DISTILLATION}.collectiveShare <= 1.0",
            "spec.phases.onlineDistillation.params: randomShare and collectiveShare are more than 1 together",
        ),
        Rule(
            f"{_DISTILLATION}.envStepsPerTask"
            f" >= self.environment.horizonEnvSteps * {_DISTILLATION}.environmentsPerTask",
            "spec.phases.onlineDistillation.params.envStepsPerTask is less than one episode"
            " (spec.environment.horizonEnvSteps) in each of environmentsPerTask environments",
        ),
    ),
    "spec.tasks": (
        Rule("self.exists(t, !t.holdout)", "every task is a holdout; at least one must be trained on"),
    ),
    "spec.storage": (
        Rule(
            "!self.uri.startsWith('s3://') || has(self.credentials)",
            "credentials are required for s3://; give secretRef or serviceAccountName",
        ),
        Rule(
            "!self.uri.startsWith('s3://')"
            " || self.uri.matches('^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$')",
            "uri names no bucket (3 to 63 lower-case letters, digits, '-' and '.'); write s3://bucket/prefix",
        ),
        Rule(
            "!self.uri.startsWith('file://') || self.uri.matches('^file:///.*[^/]')",
            "uri names no absolute directory; write file:///directory with three slashes",
        ),
        Rule(
            "!self.uri.startsWith('file://') || !self.uri.matches('/[.][.](/|$)')",
            "uri must not contain '..'",
        ),
    ),
    "spec.storage.credentials": (
        Rule(
            "has(self.secretRef) != has(self.serviceAccountName)",
            "give exactly one of secretRef and serviceAccountName",
        ),
    ),
}
