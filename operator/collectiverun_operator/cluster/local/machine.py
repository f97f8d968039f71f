"""The resources of this machine (cores, GPUs) and how much of them a container requests.

Only cores and GPUs are allocated. Memory is limited per process tree (`process.py`), not reserved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from collectiverun_operator.api.quantities import effective_requests, parse_quantity
from collectiverun_operator.cluster.local.gpus import gpu_names

GPU_RESOURCE = "nvidia.com/gpu"


@dataclass(frozen=True)
class Request:
    """What one container requests. `memory_bytes` None: no limit."""

    cores: float = 1.0
    gpus: int = 0
    memory_bytes: int | None = None

    @classmethod
    def of(cls, container: dict[str, Any]) -> Request:
        """Read a container's `resources`."""
        resources = container.get("resources") or {}
        requests, memory = effective_requests(resources), (resources.get("limits") or {}).get("memory")
        return cls(
            cores=float(parse_quantity(requests.get("cpu", 1))),
            gpus=int(parse_quantity(requests.get(GPU_RESOURCE, 0))),
            memory_bytes=None if memory is None else int(parse_quantity(memory)),
        )


@dataclass
class Machine:
    """Cores and GPUs of this machine and who holds them. A request for more cores than there are gets all.

    `count_gpus` names the GPUs; it is asked once, and only if anybody requests one, for it wakes the driver.
    """

    cores: int
    count_gpus: Callable[[], tuple[str, ...]] = tuple
    _held: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def this(cls) -> Machine:
        """The machine as this process may use it, within its CPU affinity and cgroup quota."""
        return cls(usable_cores(), gpu_names)

    @cached_property
    def gpus(self) -> tuple[str, ...]:
        """The names of the GPUs in CUDA_VISIBLE_DEVICES."""
        return self.count_gpus()

    def capacity(self, requests: Iterable[Request]) -> dict[str, int]:
        """What those who request this share, by the names of Kubernetes; GPUs only if anybody wants one."""
        gpus = {GPU_RESOURCE: len(self.gpus)} if any(request.gpus for request in requests) else {}
        return {"cpu": self.cores, **gpus}

    def impossible(self, request: Request) -> str:
        """Why the request can never be met here, as a sentence; empty: it can."""
        if not request.gpus or request.gpus <= len(self.gpus):
            return ""
        return (
            f"it requests {request.gpus} {GPU_RESOURCE}, and CUDA sees {len(self.gpus)} on this machine; "
            "remove it from the resources of the phase, or run elsewhere"
        )

    def shortage(self, request: Request) -> str:
        """Why the request has to wait, as a sentence; empty: it fits now."""
        used = sum(cores for cores, _ in self._held.values())
        if used + min(request.cores, self.cores) > self.cores:
            return f"{used:g} of {self.cores} cores are in use"
        if request.gpus and request.gpus > len(self._free_gpus()):
            return "all GPUs are in use"
        return ""

    def take(self, holder: str, request: Request) -> tuple[str, ...]:
        """Allocate cores and GPUs to `holder`; the names of the GPUs that it may see."""
        gpus = self._free_gpus()[: request.gpus] if request.gpus else ()
        self._held[holder] = (min(request.cores, self.cores), gpus)
        return gpus

    def release(self, holder: str) -> None:
        """Free what `holder` has, if anything."""
        self._held.pop(holder, None)

    def _free_gpus(self) -> tuple[str, ...]:
        held = {gpu for _, gpus in self._held.values() for gpu in gpus}
        return tuple(gpu for gpu in self.gpus if gpu not in held)


def usable_cores() -> int:
    """Whole cores this process may use, at least one."""
    affinity = len(os.sched_getaffinity(0))
    return max(1, int(min(affinity, group_cores(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")))))


def group_cores(mount: Path, membership: Path) -> float:
    """Cores that the cgroups (v2, else v1) allow; infinite where they set no limit."""
    quota = float("inf")
    for line in membership.read_text().splitlines() if membership.exists() else ():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            quota = min(quota, *(_v2_quota(folder) for folder in _upwards(mount, group)))
        elif "cpu" in controllers.split(","):
            quota = min(quota, *(_v1_quota(folder) for folder in _upwards(mount / "cpu", group)))
    return quota


def _upwards(mount: Path, group: str) -> list[Path]:
    """The folder of a cgroup and its ancestors, up to the mount."""
    folder = mount / group.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]


def _v2_quota(folder: Path) -> float:
    path = folder / "cpu.max"
    limit, period = path.read_text().split() if path.exists() else ("max", "1")
    return float("inf") if limit == "max" else int(limit) / int(period)


def _v1_quota(folder: Path) -> float:
    limit, period = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    if not limit.exists() or int(limit.read_text()) < 0:
        return float("inf")
    return int(limit.read_text()) / int(period.read_text())
