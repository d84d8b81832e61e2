"""Requests to a Roost, over the network or inside this process: the commands do not see which.

Both ways end in the same application, so that a command does the same thing, and is refused in the same
words, whether a server runs or not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx

from roost.errors import RemoteUnreachable, RoostError

PAGE = 200
CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 200.0
STREAM_TIMEOUT_S = 40.0
UPLOAD_PART_BYTES = 256 * 1024


class ServerRefused(RoostError):
    """Roost's own refusal, in its own words. `status` is the HTTP status."""

    default_code = "refused"

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message, code=code, field=field)
        self.status = status


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """A server-sent event; `data` is its JSON."""

    name: str
    id: str | None
    data: Any


class Connection:
    """`served` is False where this process has opened the folder itself: then bots do not run, and crawls are
    made only after `begin_crawling()`.
    """

    def __init__(
        self, client: httpx.Client, *, served: bool, begin_crawling: Callable[[], None] = lambda: None
    ) -> None:
        self._client = client
        self.served = served
        self.begin_crawling = begin_crawling

    def get(self, path: str, **query: object) -> Any:
        """The reply's JSON. Raises ServerRefused, RemoteUnreachable."""
        return self._ask("GET", path, params=_present(query))

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        return self._ask("POST", path, json=dict(body or {}))

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def items(self, path: str, **query: object) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.get(path, limit=PAGE, cursor=cursor, **query)
            found.extend(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def events(self, path: str, after: str | None) -> Iterator[ServerEvent]:
        """A stream's events until it ends; `after` is the last id that was seen."""
        headers = {} if after is None else {"Last-Event-ID": after}
        timeout = httpx.Timeout(STREAM_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            with self._client.stream("GET", path, headers=headers, timeout=timeout) as reply:
                _raise_refusal(reply)
                yield from read_events(reply.iter_lines())
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    def upload(self, path: str, file: BinaryIO, media_type: str) -> Any:
        """Sends a file as the body."""
        parts = iter(lambda: file.read(UPLOAD_PART_BYTES), b"")
        size = str(os.fstat(file.fileno()).st_size)
        headers = {"Content-Type": media_type, "Content-Length": size}
        return self._ask("POST", path, content=parts, headers=headers)

    def download(self, path: str, body: Mapping[str, object], file: BinaryIO) -> None:
        """Writes the reply's body into a file, as it comes."""
        try:
            with self._client.stream("POST", path, json=dict(body)) as reply:
                _raise_refusal(reply)
                file.writelines(reply.iter_bytes())
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            reply = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise _unreachable(error) from error
        _raise_refusal(reply)
        return json.loads(reply.content) if reply.content else None


def read_events(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """Server-sent events (WHATWG HTML, section 9.2), as Roost writes them: one line of JSON each."""
    name, event_id, data = "message", None, ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            event_id = value
        elif field == "data":
            data += value
        elif not line and data:
            yield ServerEvent(name, event_id, json.loads(data))
            name, event_id, data = "message", None, ""


def _raise_refusal(reply: httpx.Response) -> None:
    if reply.is_success:
        return
    reply.read()
    try:
        error = json.loads(reply.content)["error"]
        code, message, field = str(error["code"]), str(error["message"]), error.get("field")
    except (ValueError, KeyError, TypeError):
        code, field = "not_roost", None
        message = (
            f"{reply.url.host} answered {reply.status_code}, and not as Roost does. "
            "Check the address; a proxy may stand between."
        )
    raise ServerRefused(reply.status_code, code, message, field)


def _unreachable(error: httpx.TransportError) -> RemoteUnreachable:
    return RemoteUnreachable(
        f"Roost does not answer ({type(error).__name__}). Check that it runs, and its address."
    )


def _present(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value is not None}
