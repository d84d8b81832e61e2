"""Where you are signed in."""

from __future__ import annotations

from collections.abc import Sequence

from roost.domain import people as domain
from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_people import OpenSession, SessionList


def sessions(call: Call, query: ListQuery) -> SessionList:
    """Browsers you are signed in with, newest first."""
    asking = None if call.caller.by_key else call.caller.secret
    found = call.services.sign_in.sessions(call.person, asking, id_cursor(query.cursor), query.limit + 1)
    return shown_sessions(found, query.limit)


def shown_sessions(found: Sequence[domain.OpenSession], limit: int) -> SessionList:
    """`found` is one more than `limit` where there are more."""
    items = found[:limit]
    shown = [
        OpenSession(
            id=each.id,
            user_agent=each.user_agent,
            created_at=each.created_at,
            last_used_at=each.last_used_at,
            current=each.current,
        )
        for each in items
    ]
    last_id = items[-1].id if len(found) > limit else None
    return SessionList(items=shown, next_cursor=make_id_cursor(last_id))


def end_session(call: Call, session_id: str) -> None:
    """Sign one of your browsers out, at once."""
    call.services.sign_in.end_session_of(call.person, session_id, call.once(lambda _: None))
