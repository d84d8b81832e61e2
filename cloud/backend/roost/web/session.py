"""Who is signed in, and signing in on this machine. Without pydantic: a page asks for this first."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from roost.domain.accounts import Person
from roost.domain.audit import Action
from roost.errors import Forbidden
from roost.web.calls import Call
from roost.web.cookies import drop_session, session_secret, set_session
from roost.web.hosts import may_sign_in_locally, peer_of


def get(call: Call) -> dict[str, Any]:
    """Who is signed in, how one may sign in, and whether Roost is ready."""
    return session_of(call, call.caller.person)


def sign_in_locally(call: Call) -> Response:
    """Sign in as the local owner: only from this machine, to this machine."""
    peer = peer_of(call.request.environ, call.services.settings)
    call.shared.sign_in_attempts.count(peer)
    if not may_sign_in_locally(call.request.environ, call.services.settings):
        call.services.audit.record(Action.SIGN_IN_FAILED, None, subject=peer, detail="Not from this machine.")
        raise Forbidden(
            "Local sign-in works on the machine Roost runs on alone. Use the sign-in link that "
            "`roost sign-in-link` prints.",
            code="not_local",
        )
    return begin_session(call, call.services.sign_in.local_owner(), "on this machine")


def sign_out(call: Call) -> Response:
    """End this session."""
    if call.caller.secret is not None and not call.caller.by_key:
        call.services.sign_in.end_session(call.caller.secret)
    answer = jsonify(session_of(call, None))
    drop_session(answer, call.services.settings)
    return answer


def begin_session(call: Call, person: Person, how: str) -> Response:
    """Signs this browser in and says who that is."""
    secret = start_session(call, person, how)
    answer = jsonify(session_of(call, person))
    set_session(answer, secret, call.services.settings)
    return answer


def start_session(call: Call, person: Person, how: str) -> str:
    """A session's secret, always a new one: one that was set before sign-in is worth nothing. `how` is for
    the audit log.
    """
    before = session_secret(call.request, call.services.settings)
    user_agent = call.request.headers.get("User-Agent", "")
    secret = call.services.sign_in.begin_session(person, user_agent, ends=before)
    call.services.audit.record(Action.SIGNED_IN, person, subject_id=person.id, detail=how)
    return secret


def session_of(call: Call, person: Person | None) -> dict[str, Any]:
    standing = call.services.readiness.standing
    local = may_sign_in_locally(call.request.environ, call.services.settings)
    google = call.services.settings.google_client_id is not None
    return {
        "user": None
        if person is None
        else {"id": person.id, "name": person.name, "email": person.email, "role": person.role},
        "sign_in": {"google": google, "local": local, "link": not (local or google)},
        "state": standing.state,
        "reason": standing.reason,
    }
