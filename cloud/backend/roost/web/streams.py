"""Server-sent events (WHATWG HTML, section 9.2): no text can forge an event, and every stream is counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

from flask import Response

from roost.errors import RoostError
from roost.web.calls import Call

log = logging.getLogger("roost.web")

HEARTBEAT_S = 15.0
HEARTBEAT = b": still here\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def frame(event: str, data: str, event_id: str | None = None) -> bytes:
    """One event. `data` is JSON, in which no line ever ends; `event` and `event_id` are our own words."""
    if "\n" in data or "\r" in data:
        raise ValueError("the data of an event is one line of JSON")
    head = "" if event_id is None else f"id: {event_id}\n"
    return f"{head}event: {event}\ndata: {data}\n\n".encode()


def plain_frame(event: str, event_id: str | None = None, **fields: object) -> bytes:
    return frame(event, json.dumps(fields), event_id)


def answer_stream(call: Call, begin: Callable[[], Iterator[bytes]], close: Callable[[], None]) -> Response:
    """Streams what `begin` yields; `close` is called once, however the stream ends.

    Raises LimitReached when this person, or everybody together, has too many open streams.
    """
    person_id = call.person.id
    if call.request.method == "HEAD":
        close()
        return Response(content_type="text/event-stream", headers=_HEADERS)
    places = call.shared.streams
    try:
        places.take(person_id)
    except BaseException:  # cleaned up and raised on - whatever it was
        close()
        raise
    answer = Response(_ended_quietly(begin()), content_type="text/event-stream", headers=_HEADERS)

    def end() -> None:
        places.give_back(person_id)
        close()

    answer.call_on_close(end)
    return answer


def _ended_quietly(parts: Iterator[bytes]) -> Iterator[bytes]:
    """When storage is closed or fails, the stream just ends: the client comes back and is told why."""
    try:
        yield from parts
    except RoostError as error:
        log.info("A stream ended.", extra={"code": error.code})


def still_signed_in(call: Call) -> bool:
    """False once the session has ended, the key was revoked or the role is another: the stream then ends, and
    whoever comes back is judged afresh.
    """
    secret = call.caller.secret
    if secret is None:
        return False
    if call.caller.by_key:
        person = call.services.api_keys.person_of(secret)
    else:
        person = call.services.sign_in.person_of_session(secret)
    return person is not None and person.role is call.person.role
