"""Which request a log line belongs to: the trace that Cloud Run gives a request, on every line it causes.

Cloud Logging then shows a request with its lines in one group. Sources: W3C Trace Context, section 3.2
(traceparent); https://cloud.google.com/trace/docs/trace-context (X-Cloud-Trace-Context);
https://cloud.google.com/logging/docs/structured-logging (the fields).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

from roost.log import trace
from roost.web.hosts import Environ
from roost.web.static_pages import StartResponse

log = logging.getLogger("roost.web")

METADATA_HOST = "metadata.google.internal"
METADATA_PATH = "/computeMetadata/v1/project/project-id"
METADATA_TIMEOUT_S = 2.0
METADATA_TRIES = 5

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;o=([0-9]))?")
_PROJECT = re.compile(r"[a-z][a-z0-9:.-]{4,62}")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16


class Traced:
    """A WSGI callable around another one. `project` gives the project's id once that is known."""

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        project: Callable[[], str | None],
    ) -> None:
        self._application = application
        self._project = project

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # Not taken back at the end: a stream goes on after this returns, and the thread's next request sets
        # its own.
        project = self._project()
        trace(None if project is None else trace_fields(environ, project))
        return self._application(environ, start_response)


def trace_fields(environ: Environ, project: str) -> dict[str, Any] | None:
    """Cloud Logging's fields for a request's trace, or None when it carries no valid one."""
    found = _from_traceparent(environ) or _from_cloud_trace(environ)
    if found is None:
        return None
    trace_id, span_id, sampled = found
    fields: dict[str, Any] = {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace_id}",
        "logging.googleapis.com/trace_sampled": sampled,
    }
    if span_id != _NO_SPAN:
        fields["logging.googleapis.com/spanId"] = span_id
    return fields


class CloudProject:
    """The project's id: as configured, else as the metadata server says, which is asked in the background."""

    def __init__(
        self,
        configured: str | None,
        host: str = METADATA_HOST,
        port: int = 80,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._id = configured
        self._host = host
        self._port = port
        self._pause = pause

    @property
    def id(self) -> str | None:
        return self._id

    def find(self) -> threading.Thread | None:
        """Starts asking, unless the id is known. Log lines before the answer carry no trace."""
        if self._id is not None:
            return None
        asking = threading.Thread(target=self._ask, name="project", daemon=True)
        asking.start()
        return asking

    def _ask(self) -> None:
        reason: object = None
        for attempt in range(METADATA_TRIES):
            if attempt:
                self._pause(0.1 * 2**attempt)
            try:
                self._id = self._answer()
            except (OSError, HTTPException, ValueError) as error:
                reason = error
            else:
                return
        log.warning("Log lines carry no trace: the project's id could not be found out (%s)", reason)

    def _answer(self) -> str:
        with closing(HTTPConnection(self._host, self._port, timeout=METADATA_TIMEOUT_S)) as connection:
            connection.request("GET", METADATA_PATH, headers={"Metadata-Flavor": "Google"})
            with connection.getresponse() as answer:
                text = answer.read(100).decode("ascii")
        if answer.status != 200 or not _PROJECT.fullmatch(text):
            raise ValueError(f"the metadata server answered {answer.status}")
        return text


def _from_traceparent(environ: Environ) -> tuple[str, str, bool] | None:
    found = _TRACEPARENT.match(environ.get("HTTP_TRACEPARENT", ""))
    if found is None or found[1] == _NO_TRACE:
        return None
    return found[1], found[2], bool(int(found[3], 16) & 1)


def _from_cloud_trace(environ: Environ) -> tuple[str, str, bool] | None:
    """There the span is a decimal number; in the log it is 16 hexadecimal digits."""
    found = _CLOUD_TRACE.fullmatch(environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", ""))
    if found is None or found[1] == _NO_TRACE:
        return None
    span = int(found[2] or 0)
    return found[1].lower(), f"{span:016x}" if span < 1 << 64 else _NO_SPAN, found[3] == "1"
