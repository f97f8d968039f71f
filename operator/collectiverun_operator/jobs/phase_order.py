"""The phase order: everything that one attempt of a member needs to know, as the trainer reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from collectiverun_operator.api.labels import SMOKE
from collectiverun_operator.api.members import members_of, params_of, settings_of
from collectiverun_operator.api.phases import Phase, PhaseSettings
from collectiverun_operator.api.quantities import effective_requests, parse_quantity
from collectiverun_operator.api.run import CollectiveRun
from collectiverun_operator.api.tasks import Member, RunTask, holdout_tasks
from collectiverun_operator.jobs.uris import member_uri
from collectiverun_operator.json_types import JSONObject
from collectiverun_trainer.config import packed

CA_DIRECTORY = "/etc/collectiverun/ca"
ROBOTS_DIRECTORY = "/etc/collectiverun/robots"
MAX_THREADS = 256
# Linux refuses a single variable of more than 128 KiB, which the name is part of.
PLAIN_LIMIT_BYTES = 96 * 1024


def phase_order(
    run: CollectiveRun,
    root: str,
    phase: Phase,
    member: Member,
    attempt: int,
    inputs: Mapping[str, Sequence[JSONObject]],
) -> JSONObject:
    """The order of one attempt. `inputs` are artifact references by the name of the phase that made them."""
    sees_all = phase.settings.SEES_WHOLE_RUN  # other orders stay small
    report = {"spec": _reported_spec(run, member.seeds[0])} | _smoke(run) if sees_all else {}
    several = {"seeds": list(member.seeds)} if len(member.seeds) > 1 else {}
    optional = report | several | _earlier(settings_of(run.spec, phase)) | _robot_models(run)
    return optional | {
        "run": {"namespace": run.namespace, "name": run.name, "uid": run.uid},
        "phase": phase.name,
        "member": member.name,
        "attempt": attempt,
        "seed": member.seeds[0],
        "threads": threads_of(run, phase),
        "tasks": task_documents(member.tasks),
        "holdout": task_documents(holdout_tasks(run.spec.tasks)) if sees_all else [],
        "environment": run.spec.environment.model_dump(mode="json", by_alias=True),
        "params": params_of(run.spec, phase),
        "storage": _storage_options(run),
        "inputs": {name: list(references) for name, references in inputs.items()},
        "memberUri": member_uri(root, phase.name, member.name),
    }


def order_text(order: JSONObject) -> str:
    """The order on one line. `$` is escaped: Kubernetes would expand `$(NAME)` in a variable's value.

    One of more than `PLAIN_LIMIT_BYTES` is compressed, as the trainer reads it (`unpacked`).
    """
    text = json.dumps(order, separators=(",", ":")).replace("$", "\\u0024")
    return text if len(text) <= PLAIN_LIMIT_BYTES else packed(text)


def task_documents(tasks: Sequence[RunTask]) -> list[JSONObject]:
    """Tasks as {env, robot} pairs."""
    return [{"env": task.env, "robot": task.robot} for task in tasks]


def robot_directory(name: str) -> str:
    """Where the trainer's container has the ConfigMap of a robot's model."""
    return f"{ROBOTS_DIRECTORY}/{name}"


def resources_of(run: CollectiveRun, phase: Phase) -> JSONObject:
    """Resources of the phase's container: the phase's own, else the platform's default."""
    resources = settings_of(run.spec, phase).resources
    if resources is None:
        return dict(run.platform.resources)
    return resources.model_dump(mode="json", exclude_none=True)


def threads_of(run: CollectiveRun, phase: Phase) -> int:
    """CPU threads of the phase: whole cores it requests, at least 1, whatever machine it runs on."""
    return min(max(1, int(_requested(run, phase, "cpu", default=1))), MAX_THREADS)


def parallelism_of(run: CollectiveRun, phase: Phase) -> int:
    """How many Jobs of the phase may live at once: no more than can start, where that is known."""
    stated = getattr(settings_of(run.spec, phase), "parallelism", None)
    wanted = len(members_of(run.spec, phase)) if stated is None else int(stated)
    asked = {kind: _requested(run, phase, kind, default=int(kind == "cpu")) for kind in run.platform.capacity}
    fitting = (int(run.platform.capacity[kind] / amount) for kind, amount in asked.items() if amount)
    return max(1, min([wanted, *fitting]))


def _requested(run: CollectiveRun, phase: Phase, kind: str, default: int) -> Decimal:
    """What one container of the phase requests."""
    return parse_quantity(effective_requests(resources_of(run, phase)).get(kind, default))


def _storage_options(run: CollectiveRun) -> JSONObject:
    storage = run.spec.storage
    options: JSONObject = {"addressing": storage.addressing, "insecure": storage.insecure}
    if storage.endpoint is not None:
        options["endpoint"] = storage.endpoint
    if storage.region is not None:
        options["region"] = storage.region
    if storage.ca_bundle is not None:
        options["caBundlePath"] = f"{CA_DIRECTORY}/{storage.ca_bundle.key}"
    return options


def _earlier(settings: PhaseSettings) -> JSONObject:
    """The earlier run that stands in for the phase's work, where there is one."""
    address = getattr(settings, "from_", None)
    return {} if address is None else {"from": address}


def _robot_models(run: CollectiveRun) -> JSONObject:
    """Where the trainer finds the arms that the run brings along, if it does: all of them, in every phase."""
    models = {
        model.name: model.path if run.platform.local else robot_directory(model.name)
        for model in run.spec.robot_models
    }
    return {"robotModels": models} if models else {}


def _smoke(run: CollectiveRun) -> JSONObject:
    return {"smoke": True} if run.labels.get(SMOKE) == "true" else {}


def _reported_spec(run: CollectiveRun, seed: int) -> JSONObject:
    """The spec of a run of one seed alone."""
    document = run.spec.model_dump(mode="json", by_alias=True, exclude_none=True) | {"seed": seed}
    document.pop("seeds")
    for section in (document, *document["phases"].values()):
        section.pop("podTemplate", None)  # of any size, and irrelevant to learning
    return document
