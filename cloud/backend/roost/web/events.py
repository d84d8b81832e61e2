"""What changes, as it changes: every watcher sees what it may see, read at the moment it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Response

from roost.domain.accounts import Person, Role
from roost.errors import NotFound
from roost.services.live_events import (
    BotChanged,
    BotLogged,
    Delivered,
    LiveEvent,
    Missed,
    RightsChanged,
    SourceChanged,
    Stopping,
    Subscription,
)
from roost.web.bots import shown_bot
from roost.web.calls import Call
from roost.web.payloads_bots import LiveLogLine, LogLevel
from roost.web.sources import shown_source
from roost.web.streams import HEARTBEAT, HEARTBEAT_S, answer_stream, frame, plain_frame, still_signed_in


def stream(call: Call) -> Response:
    """Changes as server-sent events: bot, log, crawl, reload, restart."""
    events = call.services.live_events
    subscription = events.subscribe(_wanted_by(call.person))
    # Read after subscribing: an event in between costs a needless reload, never a lost event.
    last_seen = call.request.headers.get("Last-Event-ID")
    missed = last_seen is not None and last_seen != _event_id(call, events.last_number)
    return answer_stream(call, lambda: _frames(call, subscription, missed), subscription.close)


def _event_id(call: Call, number: int) -> str:
    """Begins with the process's start, so that an id of an earlier process is seen to be unknown."""
    return f"{int(call.services.started_at.timestamp() * 1000):x}-{number}"


def _wanted_by(person: Person) -> Callable[[LiveEvent], bool]:
    """Owners see all bots, others their own; sources belong to everybody who may build."""

    def wanted(event: LiveEvent) -> bool:
        if isinstance(event, SourceChanged):
            return True
        if isinstance(event, RightsChanged):
            return event.person_id == person.id
        return person.role is Role.OWNER or event.owner_id == person.id

    return wanted


def _frames(call: Call, subscription: Subscription, missed: bool) -> Iterator[bytes]:
    yield HEARTBEAT
    if missed:
        yield plain_frame("reload")
    clock = call.services.clock
    judged_s = clock.monotonic_s()
    while True:
        arrived = subscription.next(HEARTBEAT_S)
        now_s = clock.monotonic_s()
        # A session that expires tells nobody, and a busy stream has no pause to look in.
        if now_s - judged_s >= HEARTBEAT_S or _may_end_rights(arrived):
            judged_s = now_s
            if not still_signed_in(call):
                return
        if arrived is None:
            yield HEARTBEAT
            continue
        number, event = arrived
        event_id = _event_id(call, number)
        match event:
            case Stopping():
                yield plain_frame("restart")
                return
            case Missed():
                yield plain_frame("reload", event_id)
            case BotLogged():
                line = LiveLogLine(
                    bot_id=event.bot_id,
                    id=event.id,
                    at=event.at,
                    level=LogLevel(event.level),
                    text=event.text,
                )
                yield frame("log", line.model_dump_json(), event_id)
            case BotChanged():
                yield _bot_frame(call, event, event_id)
            case RightsChanged():
                pass
            case SourceChanged():
                yield _source_frame(call, event, event_id)


def _may_end_rights(arrived: tuple[int, Delivered] | None) -> bool:
    """Also what was missed: the end of these rights may have been among it."""
    return arrived is None or isinstance(arrived[1], Missed | RightsChanged)


def _bot_frame(call: Call, event: BotChanged, event_id: str) -> bytes:
    if not event.deleted:
        try:
            view = call.services.bots.get(call.person, event.bot_id)
        except NotFound:
            # Deleted between the change and now.
            return plain_frame("bot", event_id, id=event.bot_id, deleted=True)
        return frame("bot", shown_bot(view).model_dump_json(), event_id)
    return plain_frame("bot", event_id, id=event.bot_id, deleted=True)


def _source_frame(call: Call, event: SourceChanged, event_id: str) -> bytes:
    if not event.deleted:
        try:
            found = call.services.sources.get(event.source_id)
        except NotFound:
            return plain_frame("crawl", event_id, id=event.source_id, deleted=True)
        return frame("crawl", shown_source(found).model_dump_json(), event_id)
    return plain_frame("crawl", event_id, id=event.source_id, deleted=True)
