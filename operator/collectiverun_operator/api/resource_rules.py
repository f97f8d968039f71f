"""What resources of a phase can't mean: the API server would refuse them, or nothing starts with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectiverun_operator.api.pod_template import Resources
from collectiverun_operator.api.quantities import parse_quantity
from collectiverun_operator.errors import Fault

# The trainer's code alone takes several times as much.
LEAST_MEMORY_BYTES = 64 * 2**20
_NATIVE = frozenset({"cpu", "memory", "ephemeral-storage"})


def resource_faults(resources: Resources, path: str) -> Iterator[Fault]:
    """Every fault of resources at `path`, such as `spec.phases.experts.resources`."""
    limits, requests = resources.limits or {}, resources.requests or {}
    yield from _name_faults(limits, f"{path}.limits")
    yield from _name_faults(requests, f"{path}.requests")
    yield from _memory_faults(limits, f"{path}.limits")
    yield from _memory_faults(requests, f"{path}.requests")
    for name, amount in requests.items():
        if name in limits and parse_quantity(amount) > parse_quantity(limits[name]):
            text = f"{amount} is more than limits.{name} {limits[name]}; lower it, or raise the limit"
            yield Fault(f"{path}.requests.{name}", text)


def _name_faults(amounts: Mapping[str, Any], path: str) -> Iterator[Fault]:
    for name in amounts:
        if "/" not in name and name not in _NATIVE and not name.startswith("hugepages-"):
            text = f"Kubernetes has no resource {name!r}; a device's has its vendor's domain: nvidia.com/gpu"
            yield Fault(f"{path}.{name}", text)


def _memory_faults(amounts: Mapping[str, Any], path: str) -> Iterator[Fault]:
    memory = amounts.get("memory")
    if memory is None or parse_quantity(memory) >= LEAST_MEMORY_BYTES:
        return
    unit = f" bytes; write {memory}Gi if you mean that" if str(memory).isdecimal() else ""
    text = f"{memory}{unit}: no trainer starts with less than 64Mi"
    yield Fault(f"{path}.memory", text)
