"""Base of all typed parameters, and the bounds of their values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1e6)]
Weight = Annotated[float, Field(ge=0.0, le=1e6)]
Width = Annotated[int, Field(ge=8, le=4096)]
HiddenSizes = Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)]
EnvSteps = Annotated[int, Field(ge=1, le=1_000_000_000)]
GradientSteps = Annotated[int, Field(ge=1, le=100_000_000)]
BatchSize = Annotated[int, Field(ge=2, le=65_536)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Model(BaseModel):
    """Base of all parameter models: camelCase outside, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )
