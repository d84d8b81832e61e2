"""The audit log, for owners."""

from __future__ import annotations

from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_people import AuditEntry, AuditLog


def index(call: Call, query: ListQuery) -> AuditLog:
    """Who signed in, and who changed people, keys, bots and sources, newest first."""
    found = call.services.audit.page(id_cursor(query.cursor), query.limit + 1)
    items = found[: query.limit]
    shown = [
        AuditEntry(
            id=each.id,
            at=each.at,
            action=each.action,
            actor_id=each.actor_id,
            actor=each.actor,
            subject_id=each.subject_id,
            subject=each.subject,
            detail=each.detail,
        )
        for each in items
    ]
    last_id = items[-1].id if len(found) > query.limit else None
    return AuditLog(items=shown, next_cursor=make_id_cursor(last_id))
