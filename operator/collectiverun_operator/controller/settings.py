"""The operator's settings, from environment variables that the chart sets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from collectiverun_operator.api.run import Platform
from collectiverun_operator.errors import CollectiveRunError

PREFIX = "COLLECTIVERUN_"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class BadSettingError(CollectiveRunError):
    """An environment variable (or option) that can't be used."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _resources(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        resources = json.loads(value or "{}")
    except ValueError:
        resources = None
    if not isinstance(resources, dict) or not all(isinstance(part, dict) for part in resources.values()):
        raise ValueError('is not JSON like {"limits": {"nvidia.com/gpu": 1}}')
    return resources


class OperatorSettings(BaseModel):
    """How the operator runs. Each field is an environment variable: COLLECTIVERUN_ and its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str = ""
    """Image of the Jobs of runs that set none."""
    default_resources: Annotated[dict[str, Any], BeforeValidator(_resources)] = {}
    """Resources of phases that set none, as in a container."""
    namespaces: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Namespaces to serve; empty: all."""
    lease_namespace: str = ""
    lease_name: str = ""
    """The canary: a Lease that the operator renews and watches. Empty: no canary."""
    health_port: Port = 8080
    """Port of /healthz; 0: none."""
    metrics_port: Port = 9090
    """Port of /metrics; 0: none."""
    resync_seconds: Seconds = 300
    """Each run is planned from a fresh list at least this often."""
    figures_seconds: Seconds = 30
    """Progress of a run is written to its status at most this often."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Number of runs reconciled at the same time."""
    canary_seconds: Seconds = 30
    """The canary Lease is renewed this often."""
    stale_seconds: Seconds = 120
    """/healthz fails when the canary was not seen, or the queue was stalled, for this long."""
    log_format: Literal["json", "text"] = "json"

    @model_validator(mode="after")
    def _check_canary(self) -> OperatorSettings:
        if self.lease_name and not self.lease_namespace:
            raise ValueError(f"{variable('lease_name')} is set, but {variable('lease_namespace')} is not")
        if self.lease_name and self.namespaces and self.lease_namespace not in self.namespaces:
            text = f"{variable('lease_namespace')}={self.lease_namespace} is not one of the namespaces served"
            raise ValueError(f"{text} ({', '.join(self.namespaces)}), so the canary would never be watched")
        if self.lease_name and self.stale_seconds < 2 * self.canary_seconds:
            text = f"{variable('stale_seconds')} must be at least twice {variable('canary_seconds')}"
            raise ValueError(f"{text}, or a healthy operator would fail /healthz")
        return self

    @property
    def platform(self) -> Platform:
        """What this installation provides for runs."""
        return Platform(local=False, image=self.image, resources=self.default_resources)


def variable(field: str) -> str:
    """Name of a setting's environment variable."""
    return PREFIX + field.upper()


def read_settings(environment: Mapping[str, str] | None = None, **options: Any) -> OperatorSettings:
    """Settings of an environment (this process's unless given); `options` that are not None win.

    Raises BadSettingError with a sentence for each value that can't be used.
    """
    variables = os.environ if environment is None else environment
    values: dict[str, Any] = {
        field: variables[variable(field)]
        for field in OperatorSettings.model_fields
        if variables.get(variable(field), "") != ""
    }
    values |= {field: value for field, value in options.items() if value is not None}
    try:
        return OperatorSettings.model_validate(values)
    except ValidationError as error:
        raise BadSettingError("; ".join(_sentence(detail) for detail in error.errors())) from None


def _sentence(detail: Any) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:
        return str(message)
    return f"{variable(str(detail['loc'][0]))}={detail['input']}: {message[:1].lower()}{message[1:]}"
