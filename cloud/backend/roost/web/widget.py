"""What a widget on somebody's site uses: the script, its look, asking, a thumb. No cookie is read or set."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from flask import Response

from roost.domain.answers import SourcesFound, TextAdded, TextReplaced
from roost.domain.widgets import Widget
from roost.errors import LimitReached, RoostError, Unavailable
from roost.services import widget_answers
from roost.services.runs import NO_ANSWER
from roost.services.widget_answers import Answered, Asking
from roost.web.calls import Call
from roost.web.hosts import visitor_of
from roost.web.payload import ErrorDetail
from roost.web.payloads_chat import RunDelta, RunSources
from roost.web.payloads_widgets import LogoQuery, ShownLook, VisitorAnswer, VisitorQuestion, VisitorThumb
from roost.web.static_pages import StaticFile, StaticPages
from roost.web.streams import HEARTBEAT, HEARTBEAT_S, frame
from roost.web.threads import shown_citations
from roost.web.widgets import shown_logo, shown_to_pages

log = logging.getLogger("roost.web")

SCRIPT = "/widget.js"
SCRIPT_KEPT_S = 300
BATCH_S = 0.1
STREAMS_PER_VISITOR = "widget "


def script(call: Call, key: str) -> Response:
    """The chat itself, for a script element of any page; what it may do is decided at its first request."""
    call.services.widgets.known(key)
    file = _script(call.services.settings.frontend_dir)
    if file is None:
        raise Unavailable("The chat is not built yet. Run ./scripts/run once.", code="not_built")
    answer = Response(content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = f"public, max-age={SCRIPT_KEPT_S}"
    answer.headers["ETag"] = file.etag
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.vary.add("Accept-Encoding")
    if file.etag in call.request.headers.get("If-None-Match", ""):
        answer.status_code = 304
    elif file.compressed is not None and "gzip" in call.request.headers.get("Accept-Encoding", ""):
        answer.set_data(file.compressed)
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer.set_data(file.body)
    return answer


def look(call: Call, key: str) -> ShownLook:
    """How the chat looks; only for pages of the widget's own sites."""
    return shown_to_pages(_opened(call, key))


def logo(call: Call, key: str, query: LogoQuery) -> Response:
    """The picture in the chat's header; only for pages of the widget's own sites."""
    return shown_logo(call, _opened(call, key), query.name, "public")


def ask(call: Call, key: str, body: VisitorQuestion) -> Response:
    """Ask, and read the answer as server-sent events: sources, delta, done, error."""
    widget = _opened(call, key)
    address = visitor_of(call.request.environ, call.services.settings)
    answer = call.services.widget_answers.ask(
        widget, Asking(body.conversation_id, body.id, body.question, address)
    )
    places, subject = call.shared.streams, STREAMS_PER_VISITOR + address
    try:
        places.take(subject)
    except LimitReached:
        answer.close()
        raise

    def end() -> None:
        places.give_back(subject)
        answer.close()

    streamed = Response(
        _frames(answer), content_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
    streamed.call_on_close(end)
    return streamed


def judge(call: Call, key: str, body: VisitorThumb) -> None:
    """Say whether an answer of this conversation helped; the latest word counts."""
    widget = _opened(call, key)
    call.services.widget_answers.judge(
        widget,
        visitor_of(call.request.environ, call.services.settings),
        body.conversation_id,
        body.answer_id,
        body.thumb,
        body.reason,
    )


def _opened(call: Call, key: str) -> Widget:
    return call.services.widgets.open(key, call.request.headers.get("Origin"))


def _frames(answer: widget_answers.VisitorAnswer) -> Iterator[bytes]:
    """Text that comes within a tenth of a second goes out together; while none comes, a sign of life."""
    # Sent at once, so that the page sees an open stream before the first word is there.
    yield HEARTBEAT
    held, sent_s = "", 0.0
    try:
        for event in answer.events(HEARTBEAT_S):
            now_s = time.monotonic()
            match event:
                case None:
                    yield _delta(held) if held else HEARTBEAT
                    held = ""
                    continue
                case TextAdded(added):
                    held += added
                    if now_s - sent_s >= BATCH_S:
                        yield _delta(held)
                        held, sent_s = "", now_s
                    continue
                case TextReplaced(whole):
                    # The sources came again just before: the page has dropped its text.
                    held = whole
                    continue
                case SourcesFound(citations):
                    held = ""
                    yield frame("sources", _json(RunSources(citations=shown_citations(citations))))
                    continue
                case Answered(answer_id, made):
                    yield frame(
                        "done",
                        _json(
                            VisitorAnswer(
                                id=answer_id,
                                text=made.text,
                                citations=shown_citations(made.citations),
                                nearest=shown_citations(made.nearest),
                                refused=made.refused,
                                notice=made.notice,
                                stopped=made.stopped,
                            )
                        ),
                    )
                    return
    except RoostError as error:
        yield frame("error", _json(ErrorDetail(code=error.code, message=error.message)))
    except Exception:  # the edge of the request - the visitor must hear of it
        log.exception("An answer for a visitor could not be made")
        yield frame("error", _json(ErrorDetail(code="internal", message=NO_ANSWER)))


def _delta(text: str) -> bytes:
    return frame("delta", _json(RunDelta(text=text)))


def _json(payload: RunSources | RunDelta | VisitorAnswer | ErrorDetail) -> str:
    return payload.model_dump_json(exclude_unset=True)


@lru_cache(1)
def _script(folder: Path) -> StaticFile | None:
    return StaticPages(folder).find(SCRIPT)
