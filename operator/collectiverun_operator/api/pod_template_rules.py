"""What a user's Pod template must not set, because the operator sets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectiverun_operator.api.pod_template import CONTAINER, PodTemplate
from collectiverun_operator.errors import Fault

_OURS_IN_POD = {
    "restartPolicy": "Pods of a run are never restarted in place",
    "terminationGracePeriodSeconds": "write spec.runPolicy.terminationGracePeriodSeconds",
}
_OURS_IN_CONTAINER = {
    "command": "it starts the phase",
    "args": "it starts the phase",
    "image": "write spec.image",
    "resources": "write spec.phases.<phase>.resources",
    "securityContext": "Pods of a run are restricted",
}
_OURS_IN_SECURITY_CONTEXT = {
    "runAsNonRoot": "Pods of a run are restricted",
    "seccompProfile": "Pods of a run are restricted",
}
_OUR_VARIABLES = "COLLECTIVERUN_"


def template_faults(template: PodTemplate, path: str) -> Iterator[Fault]:
    """Every fault of a template at `path`, such as `spec.podTemplate`."""
    yield from _owned(template.spec, _OURS_IN_POD, f"{path}.spec")
    yield from _security_faults(template.spec.get("securityContext", {}), f"{path}.spec.securityContext")
    for key in ("containers", "initContainers"):
        containers = template.spec.get(key, [])
        if not _is_named(containers):
            yield Fault(f"{path}.spec.{key}", "must be a list of mappings that each have a name")
            continue
        for index, container in enumerate(containers):
            if container["name"] == CONTAINER:
                yield from _container_faults(container, f"{path}.spec.{key}[{index}]")


def _security_faults(context: object, path: str) -> Iterator[Fault]:
    """What would not be *restricted*, by the Pod Security Standards; everything else is the user's choice."""
    if not isinstance(context, dict):
        yield Fault(path, "must be a mapping")
        return
    yield from _owned(context, _OURS_IN_SECURITY_CONTEXT, path)
    if context.get("runAsUser") == 0:
        yield Fault(f"{path}.runAsUser", "0 is root, and Pods of a run are restricted; give another user")
    if context.get("sysctls"):
        yield Fault(f"{path}.sysctls", "can't be set: Pods of a run are restricted; remove it")


def _container_faults(container: Mapping[str, Any], path: str) -> Iterator[Fault]:
    yield from _owned(container, _OURS_IN_CONTAINER, path)
    variables = container.get("env", [])
    if not _is_named(variables):
        yield Fault(f"{path}.env", "must be a list of mappings that each have a name")
        return
    for index, variable in enumerate(variables):
        if variable["name"].startswith(_OUR_VARIABLES):
            yield Fault(f"{path}.env[{index}]", f"{variable['name']!r} is set by the operator; remove it")


def _owned(document: Mapping[str, Any], owned: Mapping[str, str], path: str) -> Iterator[Fault]:
    for key, reason in owned.items():
        if key in document:
            yield Fault(f"{path}.{key}", f"can't be overridden: {reason}; remove it")


def _is_named(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in value
    )
