"""API keys."""

from __future__ import annotations

from roost.domain import accounts
from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_session import ApiKey, ApiKeyList, CreatedApiKey, NewApiKey


def index(call: Call, query: ListQuery) -> ApiKeyList:
    """Your API keys, newest first."""
    found = call.services.api_keys.list(call.person, id_cursor(query.cursor), query.limit + 1)
    items = found[: query.limit]
    return ApiKeyList(
        items=[_shown(key) for key in items],
        next_cursor=make_id_cursor(items[-1].id if len(found) > query.limit else None),
    )


def create(call: Call, body: NewApiKey) -> CreatedApiKey:
    """Make an API key; the answer is the only place that shows it."""
    return _created(call.services.api_keys.create(call.person, body.name, call.once(_created)))


def delete(call: Call, key_id: str) -> None:
    """Revoke an API key."""
    call.services.api_keys.delete(call.person, key_id, call.once(lambda _: None))


def _shown(key: accounts.ApiKey) -> ApiKey:
    return ApiKey(
        id=key.id, name=key.name, last4=key.last4, created_at=key.created_at, last_used_at=key.last_used_at
    )


def _created(created: accounts.CreatedKey) -> CreatedApiKey:
    key = created.key
    return CreatedApiKey(
        id=key.id,
        name=key.name,
        last4=key.last4,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        key=created.secret,
    )
