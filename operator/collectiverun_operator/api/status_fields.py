"""The types of a status's fields: bounded strings, counts, times.

Every string has a maximum length. The schema states it and the writer cuts to it: a Pod may end with any
reason, and a status that the API server refuses would stop the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema
from pydantic_core.core_schema import plain_serializer_function_ser_schema

from collectiverun_operator.formatting import format_time, parse_time

# Waiting: no attempt is under way. Pending to Stopping: attempt `attempt` is. Succeeded, Failed: for good.
MemberState = Literal["Waiting", "Queued", "Pending", "Running", "Stopping", "Succeeded", "Failed"]
PhaseState = Literal[
    "Skipped", "Waiting", "Queued", "Pending", "Running", "Stopping", "Suspended", "Succeeded", "Failed"
]
ConditionType = Literal["Accepted", "Queued", "Running", "Suspended", "Complete", "Failed"]
RunState = Literal[
    "Rejected", "Queued", "Pending", "Running", "Suspending", "Suspended", "Complete", "Failed"
]
Moment = Annotated[
    datetime,
    BeforeValidator(lambda value: parse_time(value) if isinstance(value, str) else value),
    PlainSerializer(format_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


NOTE_LIMIT = 200


@dataclass(frozen=True)
class MaxLength:
    """The maximum length of a string; a longer one is cut when it is written."""

    characters: int

    def cut(self, text: str) -> str:
        """The beginning of the text."""
        return text[: self.characters]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return cast(
            CoreSchema, {**handler(source), "serialization": plain_serializer_function_ser_schema(self.cut)}
        )

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.characters}


Name = Annotated[str, MaxLength(128)]
Uid = Annotated[str, MaxLength(128)]
Reason = Annotated[str, MaxLength(128)]
ObjectName = Annotated[str, MaxLength(253)]
Uri = Annotated[str, MaxLength(512)]
Short = Annotated[str, MaxLength(64)]
Note = Annotated[str, MaxLength(NOTE_LIMIT)]
Message = Annotated[str, MaxLength(2048)]
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Rate = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]


class Record(BaseModel):
    """Base of all parts of a status: camelCase in JSON, frozen; fields of a newer version are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore", frozen=True
    )

    def to_json(self) -> dict[str, Any]:
        """The record as JSON, without fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; the record itself if that changes nothing."""
        is_changed = any(getattr(self, name) != value for name, value in changes.items())
        return self.model_copy(update=changes) if is_changed else self
