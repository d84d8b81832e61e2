"""What payloads are made of: frozen, with no field beyond the described ones."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from roost.clock import timestamp

TEXT_LIMIT = 16_000
NAME_LIMIT = 100
ID_LIMIT = 64
URL_LIMIT = 2_000


class Payload(BaseModel):
    """A body or a query that is sent to us, or a reply."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank. Write something.")
    return text


NotBlank = AfterValidator(_not_blank)
Name = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT), NotBlank]
Text = Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT), NotBlank]
Secret = Annotated[str, Field(min_length=1, max_length=500)]
Url = Annotated[str, Field(min_length=1, max_length=URL_LIMIT)]
Reference = Annotated[str, Field(max_length=ID_LIMIT)]
Moment = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
UuidV7 = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]


class ListQuery(Payload):
    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ErrorDetail(Payload):
    code: str
    message: str
    field: str = Field(default_factory=str)


class Error(Payload):
    error: ErrorDetail
