"""Answers in the making, and what people thought of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flask import Response

from roost.services.runs import (
    DeltaEvent,
    DoneEvent,
    ErrorEvent,
    RestartEvent,
    RunEvent,
    RunSubscription,
    SourcesEvent,
)
from roost.web.calls import Call
from roost.web.payload import ErrorDetail, Payload
from roost.web.payloads_chat import (
    Feedback,
    FollowUp,
    FollowUpList,
    NewFeedback,
    RunDelta,
    RunDone,
    RunSources,
)
from roost.web.streams import HEARTBEAT, HEARTBEAT_S, answer_stream, frame, plain_frame, still_signed_in
from roost.web.threads import shown_citations, shown_message

RIGHTS_JUDGED_EVERY_S = 1.0


def stream(call: Call, run_id: str) -> Response:
    """An answer as it is written, as server-sent events: sources, delta, done, error, restart."""
    subscription = call.services.chat.subscribe(call.person, run_id, _last_event_id(call))
    return answer_stream(call, lambda: _frames(call, subscription), lambda: None)


def stop(call: Call, run_id: str) -> None:
    """Stop an answer and keep its text so far; may be repeated."""
    call.services.chat.stop_run(call.person, run_id)


def give_feedback(call: Call, message_id: str, body: NewFeedback) -> Feedback:
    """Say whether an answer helped; the latest word counts."""
    given = Feedback(message_id=message_id, thumb=body.thumb, reason=body.reason)
    call.services.chat.give_feedback(
        call.person, message_id, body.thumb, body.reason, call.once(lambda _: given)
    )
    return given


def follow_ups(call: Call, message_id: str) -> FollowUpList:
    """Up to three questions that could come next, each answered by the documents as they are now."""
    suggested = call.services.follow_ups.suggest(call.person, message_id)
    return FollowUpList(items=[FollowUp(question=each) for each in suggested], next_cursor=None)


def _frames(call: Call, subscription: RunSubscription) -> Iterator[bytes]:
    # Sent at once, so that the client sees an open stream before the first word is there.
    yield HEARTBEAT
    events, clock = call.services.live_events, call.services.clock
    judged, beat_s = events.rights_version, clock.monotonic_s()
    while not subscription.ended:
        event = subscription.next(RIGHTS_JUDGED_EVERY_S)
        version, now_s = events.rights_version, clock.monotonic_s()
        beats = event is None and now_s - beat_s >= HEARTBEAT_S
        if version != judged or beats:
            judged = version
            if not still_signed_in(call):
                return
        if event is not None:
            yield _frame(event)
        elif beats and not subscription.ended:
            beat_s = now_s
            yield HEARTBEAT


def _frame(event: RunEvent) -> bytes:
    payload: Payload
    match event:
        case SourcesEvent():
            payload = RunSources(citations=shown_citations(event.citations))
        case DeltaEvent():
            payload = RunDelta(text=event.text)
        case DoneEvent():
            payload = RunDone(message=shown_message(event.message), stopped=event.stopped)
        case ErrorEvent():
            payload = ErrorDetail(code=event.code, message=event.message)
        case RestartEvent():
            return plain_frame(event.name)
        case _:
            assert_never(event)
    return frame(event.name, payload.model_dump_json(exclude_unset=True), str(event.id))


def _last_event_id(call: Call) -> int | None:
    """None, and so a replay from the start, also for an id that was never ours."""
    sent = call.request.headers.get("Last-Event-ID", "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= 18 else None
