"""Payloads of widgets: what people make of them, and what the pages that show them send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from roost.domain.widgets import (
    GREETING_LIMIT,
    ORIGIN_LENGTH_AT_MOST,
    ORIGINS_AT_MOST,
    QUESTION_LIMIT,
    STARTER_LIMIT,
    STARTERS_AT_MOST,
    TITLE_LIMIT,
)
from roost.web.payload import Moment, Name, NotBlank, Payload, Reference, UuidV7
from roost.web.payloads_chat import Citation

PICTURE_NAME_AT_MOST = 80

SiteAddress = Annotated[str, Field(min_length=1, max_length=ORIGIN_LENGTH_AT_MOST)]
SiteAddresses = Annotated[list[SiteAddress], Field(min_length=1, max_length=ORIGINS_AT_MOST)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Starter = Annotated[str, Field(min_length=1, max_length=STARTER_LIMIT), NotBlank]


class WidgetLook(Payload):
    title: Annotated[str, Field(min_length=1, max_length=TITLE_LIMIT), NotBlank]
    greeting: Annotated[str, Field(max_length=GREETING_LIMIT)]
    accent: Colour
    scheme: Literal["auto", "light", "dark"]
    position: Literal["right", "left"]
    starters: Annotated[list[Starter], Field(max_length=STARTERS_AT_MOST)]


class ShownLook(WidgetLook):
    """`logo` is the name of the picture at `logo?name=`; null without one."""

    logo: str | None


class LogoQuery(Payload):
    name: Annotated[str | None, Field(max_length=PICTURE_NAME_AT_MOST)] = None


class Widget(Payload):
    """`snippet` is the line for the site's pages. `logo` is the picture's name."""

    id: str
    owner_id: str
    name: str
    key: str
    origins: list[str]
    bot_id: str | None
    look: WidgetLook
    logo: str | None
    snippet: str
    created_at: Moment
    updated_at: Moment


class WidgetList(Payload):
    items: list[Widget]
    next_cursor: str | None


class NewWidget(Payload):
    name: Name
    origins: SiteAddresses
    bot_id: Reference | None = None
    look: WidgetLook | None = None


class WidgetChange(Payload):
    """Only the fields that are sent change; a `look` of null is the usual one."""

    name: Name = Field(default_factory=str)
    origins: SiteAddresses = Field(default_factory=list)
    bot_id: Reference | None = None
    look: WidgetLook | None = None


class VisitorQuestion(Payload):
    """`id` and `conversation_id` are the page's own; the same question under the same id is answered once."""

    id: UuidV7
    conversation_id: UuidV7
    question: Annotated[str, Field(min_length=1, max_length=QUESTION_LIMIT), NotBlank]


class VisitorAnswer(Payload):
    """The last event of an answer."""

    id: str
    text: str
    citations: list[Citation]
    nearest: list[Citation]
    refused: bool
    notice: str | None
    stopped: bool


class VisitorThumb(Payload):
    conversation_id: UuidV7
    answer_id: Reference
    thumb: Literal["up", "down"]
    reason: Annotated[str | None, Field(max_length=1_000)] = None
