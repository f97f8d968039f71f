"""A container's environment: its variables, what Secrets, ConfigMaps and fields say, and this machine's."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed import JSONObject
from testbed.kubelet.pod_status import ADDRESS
from testbed.kubernetes.api_client import ApiClient
from testbed.processes.ports import free_ports

RESULT_PATH_VARIABLE = "COLLECTIVERUN_RESULT_PATH"
_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z0-9]+)\))")


class NotReadyError(RuntimeError):
    """Something that the container needs is not there (yet); reason and message are a kubelet's."""

    def __init__(self, message: str, reason: str = "CreateContainerConfigError") -> None:
        super().__init__(message)
        self.reason = reason


def machine_environment(pod: JSONObject, folder: Path, cache: Path) -> dict[str, str]:
    """What stands for the image: this Python's programs on PATH, and places to write to."""
    scratch = folder / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folder),
        "HOSTNAME": pod["metadata"]["name"],
        "TMPDIR": str(scratch),
        # Shared, as an image's content is: some libraries prepare fonts or shaders at their first start.
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        "XDG_CACHE_HOME": str(cache),
        RESULT_PATH_VARIABLE: str(folder / "termination-log"),
    }


def listening_ports(pod: JSONObject) -> dict[int, int]:
    """Declared container port → a free one. All Pods share this machine's network, so each gets its own."""
    declared = [port["containerPort"] for c in pod["spec"]["containers"] for port in c.get("ports", [])]
    return dict(zip(declared, free_ports(len(declared)), strict=True))


async def container_environment(
    api: ApiClient, pod: JSONObject, container: JSONObject, ports: Mapping[int, int]
) -> dict[str, str]:
    """The container's `env`. A variable *_PORT that names a declared port gets the one assigned here.

    Raises NotReadyError for a Secret or ConfigMap, or a key in it, that is not there.
    """
    values: dict[str, str] = {}
    for variable in container.get("env", []):
        value = await _value(api, pod, variable, values)
        if value is not None:
            values[variable["name"]] = value
    moved = {str(declared): str(assigned) for declared, assigned in ports.items()}
    return {
        name: moved.get(value, value) if name.endswith("_PORT") else value for name, value in values.items()
    }


async def _value(
    api: ApiClient, pod: JSONObject, variable: JSONObject, earlier: Mapping[str, str]
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return _expanded(variable.get("value", ""), earlier)
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for kind, reference in (("secret", "secretKeyRef"), ("configmap", "configMapKeyRef")):
        if reference in source:
            return await _key(api, pod["metadata"]["namespace"], kind, source[reference])
    raise NotReadyError(f"this node knows no {'/'.join(source)} for the variable {variable['name']}")


async def _key(api: ApiClient, namespace: str, kind: str, reference: JSONObject) -> str | None:
    name, key = reference["name"], reference["key"]
    body = await api.find(f"/api/v1/namespaces/{namespace}/{kind}s/{name}")
    data = (body or {}).get("data") or {}
    if key in data:
        return base64.b64decode(data[key]).decode() if kind == "secret" else str(data[key])
    if reference.get("optional"):
        return None
    if body is None:
        raise NotReadyError(f'{kind} "{name}" not found')
    raise NotReadyError(f"couldn't find key {key} in {kind} {namespace}/{name}")


def _field(pod: JSONObject, path: str) -> str:
    """A field as the downward API gives it; "" where there is none."""
    here = {"status.podIP": ADDRESS, "status.hostIP": ADDRESS}
    if path in here:
        return here[path]
    bracketed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if bracketed:
        return str(pod["metadata"].get(bracketed[1], {}).get(bracketed[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, {})
    return value if isinstance(value, str) else ""


def _expanded(value: str, earlier: Mapping[str, str]) -> str:
    """With `$(NAME)` replaced by an earlier variable; `$$` is a plain `$`."""

    def replaced(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else earlier.get(match[2], match[0])

    return _REFERENCE.sub(replaced, value)
