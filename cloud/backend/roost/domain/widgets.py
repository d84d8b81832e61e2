"""Chats on people's own sites: where one may be shown, and how it looks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from roost.domain.bots import UNSET, Unset
from roost.errors import InvalidInput

ORIGINS_AT_MOST = 20
ORIGIN_LENGTH_AT_MOST = 300
TITLE_LIMIT = 60
GREETING_LIMIT = 300
STARTERS_AT_MOST = 3
STARTER_LIMIT = 120
QUESTION_LIMIT = 2_000

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_USUAL_PORTS = {"http": 80, "https": 443}


class Scheme(StrEnum):
    """Auto: as the visitor's system has it."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Side(StrEnum):
    RIGHT = "right"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Look:
    """`accent` is a colour as #rrggbb; `starters` are questions a visitor can begin with."""

    title: str = "Ask the docs"
    greeting: str = "Ask a question. The answer comes from our documentation, with its sources."
    accent: str = "#0f5c56"
    scheme: Scheme = Scheme.AUTO
    position: Side = Side.RIGHT
    starters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Widget:
    """`key` is public: it stands in the pages of `origins`, and opens asking alone. Without a bot the answers
    come from every source, by the installation's own model. `logo` is a picture's name (`domain.images`).
    """

    id: str
    owner_id: str
    bot_id: str | None
    key: str
    name: str
    origins: tuple[str, ...]
    look: Look
    logo: str | None
    created_at: datetime
    updated_at: datetime

    def is_for(self, origin: str | None) -> bool:
        return origin in self.origins


@dataclass(frozen=True, slots=True)
class WidgetChange:
    """What is UNSET stays."""

    name: str | Unset = UNSET
    origins: tuple[str, ...] | Unset = UNSET
    bot_id: str | Unset | None = UNSET
    look: Look | Unset = UNSET
    logo: str | Unset | None = UNSET


def checked_origins(given: Sequence[str]) -> tuple[str, ...]:
    """The origins as browsers send them, each once. Raises InvalidInput."""
    found = tuple(dict.fromkeys(origin_of(each) for each in given))
    if not found:
        raise InvalidInput("Name at least one site the widget may be shown on.", field="origins")
    if len(found) > ORIGINS_AT_MOST:
        raise InvalidInput(f"A widget has {ORIGINS_AT_MOST} sites at most. Make another.", field="origins")
    return found


def origin_of(given: str) -> str:
    """The origin of a site's address, as browsers send it (RFC 6454, section 6.2): `https://docs.example.com`.

    A path behind it is taken off: what people copy from the address bar has one. Raises InvalidInput.
    """
    refusal = InvalidInput(
        "This is not the address of a site. Write it like https://docs.example.com.", field="origins"
    )
    text = given.strip()
    if not text or len(text) > ORIGIN_LENGTH_AT_MOST or not text.isprintable() or " " in text or "\\" in text:
        raise refusal
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except ValueError as error:
        raise refusal from error
    if ":" in host:
        host = f"[{host}]"
    if parts.scheme not in _USUAL_PORTS or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise refusal
    shown_port = "" if port is None or port == _USUAL_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}"


def checked_accent(given: str) -> str:
    colour = given.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise InvalidInput("Write the colour like #0f5c56.", field="accent")
    return colour
