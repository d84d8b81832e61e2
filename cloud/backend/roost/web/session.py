"""Who is signed in, and signing in on this machine. Without pydantic: a page asks for this first."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from roost.domain.accounts import Person
from roost.errors import Forbidden
from roost.web.calls import Call
from roost.web.cookies import drop_session, session_secret, set_session
from roost.web.hosts import may_sign_in_locally


def get(call: Call) -> dict[str, Any]:
    """Who is signed in, how one may sign in, and whether Roost is ready."""
    return session_of(call, call.caller.person)


def sign_in_locally(call: Call) -> Response:
    """Sign in as the local owner: only from this machine, to this machine."""
    call.shared.sign_in_attempts.count(call.request.remote_addr or "")
    if not may_sign_in_locally(call.request.environ, call.services.settings):
        raise Forbidden(
            "Local sign-in works on the machine Roost runs on alone. Use the sign-in link that "
            "`roost sign-in-link` prints.",
            code="not_local",
        )
    return begin_session(call, call.services.sign_in.local_owner())


def sign_out(call: Call) -> Response:
    """End this session."""
    if call.caller.secret is not None and not call.caller.by_key:
        call.services.sign_in.end_session(call.caller.secret)
    answer = jsonify(session_of(call, None))
    drop_session(answer, call.services.settings)
    return answer


def begin_session(call: Call, person: Person) -> Response:
    """Signs this browser in, always under a new secret: one that was set before sign-in is worth nothing."""
    settings = call.services.settings
    before = session_secret(call.request, settings)
    user_agent = call.request.headers.get("User-Agent", "")
    secret = call.services.sign_in.begin_session(person, user_agent, ends=before)
    answer = jsonify(session_of(call, person))
    set_session(answer, secret, settings)
    return answer


def session_of(call: Call, person: Person | None) -> dict[str, Any]:
    standing = call.services.readiness.standing
    local = may_sign_in_locally(call.request.environ, call.services.settings)
    return {
        "user": None
        if person is None
        else {"id": person.id, "name": person.name, "email": person.email, "role": person.role},
        "sign_in": {"google": False, "local": local, "link": not local},
        "state": standing.state,
        "reason": standing.reason,
    }
