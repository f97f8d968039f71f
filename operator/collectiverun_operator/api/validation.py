"""Rules across sections of a spec. Each skips what could not be parsed, so that all faults appear at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from collectiverun_operator.api.phases import ExpertsPhase, OnlineDistillationPhase, Phases, StudentsPhase
from collectiverun_operator.api.pod_template import CONTAINER, PodTemplate, Resources, merge_templates
from collectiverun_operator.api.pod_template_rules import template_faults
from collectiverun_operator.api.resource_rules import resource_faults
from collectiverun_operator.api.robots import NEEDS_CONFIG_MAP, NEEDS_PATH, RobotModel
from collectiverun_operator.api.spec import Spec
from collectiverun_operator.api.storage import Storage
from collectiverun_operator.api.tasks import RunTask
from collectiverun_operator.errors import Fault
from collectiverun_trainer.config import ROBOT_ALIASES, ROBOTS, TASK_LIMIT, EnvironmentParams, robot_fault

OTHER_STORAGE = "is not in the kind of storage that spec.storage.uri names; copy that run there first"
OTHER_SEED = "is none of spec.seeds, which stand in its place; leave it out"
TOO_MANY_SEEDS = f"at most {TASK_LIMIT} are one run"
BUILT_IN_NAME = "is the name of a built-in robot; give the arm another"
NEEDS_CREDENTIALS = "for s3://; give secretRef or serviceAccountName"

_OF_THE_SPEC = ("seed", "seeds", "tasks", "robot_models", "storage", "environment", "pod_template")


@dataclass(frozen=True)
class Sections:
    """The sections of a spec that could be read; None for the others."""

    seed: int | None
    seeds: tuple[int, ...] | None
    tasks: tuple[RunTask, ...] | None
    robot_models: tuple[RobotModel, ...] | None
    storage: Storage | None
    environment: EnvironmentParams | None
    pod_template: PodTemplate | None
    experts: ExpertsPhase | None
    online_distillation: OnlineDistillationPhase | None
    students: StudentsPhase | None
    earlier_runs: Mapping[str, str]
    """Addresses in `from`, by the name of the phase."""
    phase_templates: Mapping[str, PodTemplate | None]
    phase_resources: Mapping[str, Resources | None]


def sections_of(spec: Mapping[str, Any]) -> Sections:
    """Parse every section of a raw spec on its own."""
    phases = spec.get("phases", {})
    phases = phases if isinstance(phases, dict) else {}
    read = {name: _section(Phases, name, phases) for name in Phases.model_fields}
    running = {
        Phases.model_fields[name].alias or name: phase for name, phase in read.items() if _is_run(phase)
    }
    return Sections(
        **{name: _section(Spec, name, spec) for name in _OF_THE_SPEC},
        **{name: read[name] for name in ("experts", "online_distillation", "students")},
        earlier_runs={name: phase.from_ for name, phase in running.items() if getattr(phase, "from_", None)},
        phase_templates={name: phase.pod_template for name, phase in running.items()},
        phase_resources={name: phase.resources for name, phase in running.items()},
    )


def _is_run(phase: Any) -> bool:
    return phase is not None and getattr(phase, "enabled", True)


def _section(model: type[Spec] | type[Phases], name: str, document: Mapping[str, Any]) -> Any:
    field = model.model_fields[name]
    if (field.alias or name) not in document:
        return None if field.is_required() else field.get_default()
    raw = document[field.alias or name]
    try:
        return _adapter(model, name).validate_python(raw, by_alias=True, by_name=False)
    except ValidationError:
        return None


@cache
def _adapter(model: type[Spec] | type[Phases], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def consistency_faults(sections: Sections, *, local: bool) -> list[Fault]:
    """A fault for each rule that is broken."""
    faults = [*_robot_faults(sections, local=local), *_student_faults(sections)]
    faults += [*_budget_faults(sections), *_template_faults(sections)]
    faults += [*_resource_faults(sections), *_bucket_faults(sections), *_reuse_faults(sections)]
    faults += _seed_faults(sections)
    faults += _local_faults(sections) if local else _kubernetes_faults(sections)
    return faults


def _seed_faults(sections: Sections) -> Iterator[Fault]:
    seed, seeds = sections.seed, sections.seeds
    if not seeds:
        return
    if seed is not None and seed not in (Spec.model_fields["seed"].default, *seeds):
        yield Fault("spec.seed", f"{seed} {OTHER_SEED}")
    if sections.tasks is not None and len(seeds) * len(sections.tasks) > TASK_LIMIT:
        text = f"{len(seeds)} seeds of {len(sections.tasks)} tasks are {len(seeds) * len(sections.tasks)};"
        yield Fault("spec.seeds", f"{text} {TOO_MANY_SEEDS}")


def _robot_faults(sections: Sections, *, local: bool) -> Iterator[Fault]:
    if sections.robot_models is None:
        return
    names = [model.name for model in sections.robot_models]
    for index, task in enumerate(sections.tasks or ()):
        if fault := robot_fault(task.robot, names):
            yield Fault(f"spec.tasks[{index}]", fault)
    for index, model in enumerate(sections.robot_models):
        path = f"spec.robotModels[{index}]"
        if model.name in (*ROBOTS, *ROBOT_ALIASES):
            yield Fault(path, f"{model.name!r} {BUILT_IN_NAME}")
        if not (model.path if local else model.config_map_name):
            yield Fault(path, f"{model.name!r} {NEEDS_PATH if local else NEEDS_CONFIG_MAP}")


def _student_faults(sections: Sections) -> Iterator[Fault]:
    if sections.tasks is None or sections.students is None:
        return
    names = [task.name for task in sections.tasks]
    path = "spec.phases.students.params.tasks"
    chosen = [task.name for task in sections.students.params.tasks]
    for index, name in enumerate(chosen):
        if name not in names:
            yield Fault(f"{path}[{index}]", f"{name!r} is no task of this run, which has {', '.join(names)}")
        if name in chosen[:index]:
            yield Fault(f"{path}[{index}]", f"{name!r} is listed more than once; list every task once")


def _budget_faults(sections: Sections) -> Iterator[Fault]:
    """An episode must fit in every budget of env steps."""
    if sections.environment is None:
        return
    horizon = sections.environment.horizon_env_steps
    for name, phase in (("experts", sections.experts), ("students", sections.students)):
        if phase is not None:
            yield from _learning_faults(f"spec.phases.{name}.params", phase.params, horizon)
    if sections.online_distillation is not None:
        yield from _distillation_faults(sections.online_distillation, horizon)


def _learning_faults(path: str, params: Any, horizon: int) -> Iterator[Fault]:
    if params.total_env_steps < horizon:
        text = f"{params.total_env_steps} is less than one episode of {horizon} env steps; raise it"
        yield Fault(f"{path}.totalEnvSteps", f"{text}, or lower spec.environment.horizonEnvSteps")
    elif params.random_env_steps >= params.total_env_steps and not _is_scripted(params):
        text = f"{params.random_env_steps} leaves none of totalEnvSteps {params.total_env_steps} to learn in"
        yield Fault(f"{path}.randomEnvSteps", f"{text}; lower it")


def _is_scripted(params: Any) -> bool:
    return getattr(params, "source", "sac") == "scripted"


def _distillation_faults(phase: OnlineDistillationPhase, horizon: int) -> Iterator[Fault]:
    params = phase.params
    needed = horizon * params.environments_per_task
    if params.env_steps_per_task < needed:
        text = f"{params.env_steps_per_task} is less than one episode of {horizon} env steps in each of"
        text += (
            f" {params.environments_per_task} environments; raise it to {needed} or lower environmentsPerTask"
        )
        yield Fault("spec.phases.onlineDistillation.params.envStepsPerTask", text)


def _template_faults(sections: Sections) -> Iterator[Fault]:
    if sections.pod_template is not None:
        yield from template_faults(sections.pod_template, "spec.podTemplate")
    for name, template in sections.phase_templates.items():
        if template is not None:
            yield from template_faults(template, f"spec.phases.{name}.podTemplate")


def _resource_faults(sections: Sections) -> Iterator[Fault]:
    for name, resources in sections.phase_resources.items():
        if resources is not None:
            yield from resource_faults(resources, f"spec.phases.{name}.resources")


def _bucket_faults(sections: Sections) -> Iterator[Fault]:
    if sections.storage is not None and (text := sections.storage.bucket_fault):
        yield Fault("spec.storage.uri", text)


def _reuse_faults(sections: Sections) -> Iterator[Fault]:
    if sections.storage is None:
        return
    for name, address in sections.earlier_runs.items():
        if urlsplit(address).scheme != sections.storage.scheme:
            yield Fault(f"spec.phases.{name}.from", f"{address!r} {OTHER_STORAGE}")


def _local_faults(sections: Sections) -> Iterator[Fault]:
    if sections.storage is None:
        return
    if sections.storage.credentials is not None:
        text = "is for Kubernetes; on this machine remove it (and secretRef), and set AWS_ACCESS_KEY_ID and"
        yield Fault("spec.storage.credentials", f"{text} AWS_SECRET_ACCESS_KEY in the environment")
    if sections.storage.ca_bundle is not None:
        text = "is for Kubernetes; on this machine set AWS_CA_BUNDLE in the environment and remove it"
        yield Fault("spec.storage.caBundle", text)


def _kubernetes_faults(sections: Sections) -> Iterator[Fault]:
    storage = sections.storage
    if storage is None:
        return
    if storage.scheme == "s3" and storage.credentials is None:
        yield Fault("spec.storage.credentials", f"is required {NEEDS_CREDENTIALS}")
    if storage.scheme == "file":
        unmounted = (_unmounted(sections, name, storage.uri) for name in sections.phase_templates)
        if text := next(filter(None, unmounted), ""):
            yield Fault("spec.storage.uri", f"{text}, or use s3://")
        for name, address in sections.earlier_runs.items():
            if urlsplit(address).scheme == "file" and (text := _unmounted(sections, name, address)):
                yield Fault(f"spec.phases.{name}.from", text)


def _unmounted(sections: Sections, phase: str, uri: str) -> str:
    """What to do if the Pods of a phase have no volume at a file:// URI; empty if they have one."""
    directory = urlsplit(uri).path.rstrip("/")
    if _mounts(merge_templates(sections.pod_template, sections.phase_templates[phase]), directory):
        return ""
    return (
        f"{uri!r} lies in no volume of the Pods of phase {phase}; mount one at {directory}"
        f" or above in container {CONTAINER!r} of podTemplate.spec"
    )


def _mounts(template: Mapping[str, Any], directory: str) -> bool:
    """Whether container `trainer` has a volume at `directory` or above. Users' templates have any shape."""
    containers = _mappings(template["spec"].get("containers"))
    mounts = [m for c in containers if c.get("name") == CONTAINER for m in _mappings(c.get("volumeMounts"))]
    paths = [str(mount.get("mountPath", "")).rstrip("/") for mount in mounts]
    return any(path and f"{directory}/".startswith(f"{path}/") for path in paths)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
