"""Runs that can't be, each a good one with one field set or removed, and what must be said of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from behaviour.place import Place
from behaviour.runs import TASKS, JSONObject, a_run

REMOVED = object()
BOTH = {"secretRef": {"name": "s3"}, "serviceAccountName": "trainer"}
_PARAMS = "spec.phases.experts.params"
_TEMPLATE = "spec.podTemplate"


def changed(place: Place, name: str, path: str, value: Any) -> JSONObject:
    """A good run with one field set, or REMOVED."""
    body = copy.deepcopy(a_run(name, place.storage))
    *parents, last = path.split(".")
    spot = body
    for key in parents:
        spot = spot.setdefault(key, {})
    if value is REMOVED:
        del spot[last]
    else:
        spot[last] = value
    return body


def many_faults(place: Place, name: str) -> JSONObject:
    """A run with three faults in three sections."""
    body = changed(place, name, "spec.storage.credentials", BOTH)
    body["spec"]["phases"] = {
        "experts": {"params": {"totalEnvSteps": 10}},
        "students": {"enabled": True, "params": {"tasks": [{"env": "sweep-v3"}]}},
    }
    return body


@dataclass(frozen=True)
class BadRun:
    """The field that is wrong, its value, and patterns of what is said, by whomever."""

    path: str
    value: Any
    told: tuple[str, ...]

    def body(self, place: Place, name: str) -> JSONObject:
        """The run."""
        return changed(place, name, self.path, self.value)


# The API server sees what is wrong with these, and so does the operator with those that are in already.
AT_APPLY = {
    "unknown-task": BadRun("spec.tasks", [{"env": "drawer-close"}], (r"spec\.tasks\[0\]", "drawer-close")),
    "unknown-robot": BadRun(
        "spec.tasks", [{"env": "reach-v3", "robot": "panda"}], (r"spec\.tasks\[0\]", "panda", "sawyer")
    ),
    "same-task-twice": BadRun(
        "spec.tasks", [TASKS[0], TASKS[0]], (r"spec\.tasks", "listed more than once|Duplicate value")
    ),
    "no-task": BadRun("spec.tasks", [], (r"spec\.tasks: ", "at least 1")),
    "only-holdouts": BadRun(
        "spec.tasks", [TASKS[0] | {"holdout": True}], (r"spec\.tasks: ", "every task is a holdout")
    ),
    "no-bucket": BadRun("spec.storage.uri", "s3://", (r"spec\.storage\.uri: ", "'s3://' names no bucket")),
    "no-such-scheme": BadRun(
        "spec.storage.uri", "ftp://a/b", (r"spec\.storage\.uri: ", "'ftp://a/b' does not")
    ),
    "no-credentials": BadRun(
        "spec.storage.credentials", REMOVED, (r"spec\.storage\.credentials: ", "for s3://; give secretRef")
    ),
    "both-credentials": BadRun(
        "spec.storage.credentials", BOTH, (r"spec\.storage\.credentials: ", "exactly one")
    ),
    "neither-credential": BadRun(
        "spec.storage.credentials", {}, (r"spec\.storage\.credentials: ", "exactly one")
    ),
    "wrong-type": BadRun("spec.seed", "one", (r"spec\.seed: ", "integer")),
    "wrong-parameter-type": BadRun(_PARAMS, {"batchSize": "many"}, (rf"{_PARAMS}\.batchSize: ", "integer")),
    "parameter-out-of-range": BadRun(_PARAMS, {"discount": 1.5}, (rf"{_PARAMS}\.discount: ", "less than 1")),
    "no-time-for-an-episode": BadRun(
        _PARAMS,
        {"totalEnvSteps": 400},
        (rf"{_PARAMS}\.totalEnvSteps: ", "400 is less than one episode of 500"),
    ),
    "foreign-student": BadRun(
        "spec.phases.students.params",
        {"tasks": [{"env": "sweep-v3"}]},
        (r"spec\.phases\.students\.params\.tasks", "sweep-v3-sawyer\\W+ is no task of this run"),
    ),
}
IN_THE_RUN = {
    "file-without-volume": BadRun(
        "spec.storage", {"uri": "file:///data"}, (r"spec\.storage\.uri: ", "volume")
    ),
    "template-of-another-command": BadRun(
        _TEMPLATE,
        {"spec": {"containers": [{"name": "trainer", "command": ["bash"]}]}},
        (r"spec\.podTemplate\.spec\.containers\[0\]\.command: ", "can't be overridden"),
    ),
    "template-the-server-refuses": BadRun(
        _TEMPLATE,
        {"spec": {"tolerations": [{"key": "gpu", "operator": "Perhaps"}]}},
        (r"spec\.podTemplate: ", r"tolerations\[0\]\.operator"),
    ),
    "phase-template-the-server-refuses": BadRun(
        "spec.phases.evaluation.podTemplate",
        {"spec": {"volumes": [{"name": "NOT A NAME"}]}},
        (r"spec\.phases\.evaluation\.podTemplate: ", "volumes"),
    ),
}
