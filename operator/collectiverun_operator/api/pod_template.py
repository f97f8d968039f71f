"""What a run may say of its Pods, and how templates are merged: run, then phase, then the operator's own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from collectiverun_operator.api.quantities import QUANTITY_SCHEMA, check_quantity
from collectiverun_trainer.config import Model

CONTAINER = "trainer"

# Lists of a Pod whose entries have another key than `name`, as in the API server's merge.
_KEYS = {"volumeMounts": "mountPath", "volumeDevices": "devicePath", "ports": "containerPort"}
# Entries of these are merged field by field; of other lists they are replaced, as a variable has one source.
_DEEP = ("containers", "initContainers")


Quantity = Annotated[Any, AfterValidator(check_quantity), WithJsonSchema(QUANTITY_SCHEMA)]
ResourceList = Annotated[dict[str, Quantity], Field(max_length=16)]


class ResourceClaim(Model):
    """A claim of podTemplate.spec.resourceClaims that the container uses: devices by DRA."""

    name: Annotated[str, Field(max_length=63)] = Field(description="Its name in resourceClaims.")
    request: Annotated[str, Field(max_length=63)] | None = Field(
        None, description="One of its requests; all if none is named."
    )


class Resources(Model):
    """Compute resources of a phase's container, as in a Pod."""

    requests: ResourceList | None = Field(None, description="What the scheduler reserves, such as cpu: 2.")
    limits: ResourceList | None = Field(
        None, description="What the container may use at most, such as nvidia.com/gpu: 1."
    )
    claims: Annotated[list[ResourceClaim], Field(max_length=16)] | None = Field(
        None, description="Devices by resource claims, which podTemplate.spec.resourceClaims names."
    )


class PodTemplate(Model):
    """Parts of a Pod, merged into the Pods of the run; what the operator sets itself comes first."""

    metadata: dict[str, Any] = Field(
        default_factory=dict, max_length=16, description="Labels and annotations of the Pods."
    )
    spec: dict[str, Any] = Field(
        default_factory=dict,
        max_length=64,
        description="Any field of a Pod's spec, such as nodeSelector, tolerations, volumes or"
        " priorityClassName; the entry of containers named trainer is the phase's own container.",
    )


def merge_templates(*templates: PodTemplate | None) -> dict[str, Any]:
    """Templates merged into one `{"metadata": …, "spec": …}`; the later one wins."""
    merged: dict[str, Any] = {"metadata": {}, "spec": {}}
    for template in templates:
        if template is not None:
            merged = merge(merged, {"metadata": template.metadata, "spec": template.spec})
    return merged


def merge(under: Any, over: Any, field: str = "") -> Any:
    """`over` laid on `under`: mappings key by key, lists of named entries by name, anything else replaced."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {k: merge(under[k], v, k) if k in under else v for k, v in over.items()}
    key = _KEYS.get(field, "name")
    if _is_keyed(under, key) and _is_keyed(over, key):
        return _merge_lists(under, over, key, deep=field in _DEEP)
    return over


def _is_keyed(value: Any, key: str) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and key in entry for entry in value)


def _merge_lists(under: list[Any], over: list[Any], key: str, *, deep: bool) -> list[Any]:
    merged = {str(entry[key]): entry for entry in under}
    for entry in over:
        lower = merged.get(str(entry[key]))
        merged[str(entry[key])] = merge(lower, entry) if deep and lower is not None else entry
    return list(merged.values())
