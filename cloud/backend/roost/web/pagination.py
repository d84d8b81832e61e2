"""Cursors of lists that are ordered by one text: opaque to clients, checked when they come back."""

from __future__ import annotations

import base64

from roost.errors import InvalidInput

_MARK = "after:"
PLACE_LENGTH_AT_MOST = 300


def id_cursor(cursor: str | None) -> str | None:
    """Where the previous page ended, None for the first page. Raises InvalidInput for a made-up cursor."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("utf-8")
    except ValueError as error:
        raise _refusal() from error
    place = text.removeprefix(_MARK)
    if place == text or not 1 <= len(place) <= PLACE_LENGTH_AT_MOST or not place.isprintable():
        raise _refusal()
    return place


def make_id_cursor(place: str | None) -> str | None:
    """The cursor of the page behind `place`; None when this was the last page."""
    if place is None:
        return None
    return base64.urlsafe_b64encode((_MARK + place).encode()).decode().rstrip("=")


def _refusal() -> InvalidInput:
    return InvalidInput("The cursor is not one of this list's. Start without one.", field="cursor")
