"""Signing in by a one-time link: the page behind it, and the button's request."""

from __future__ import annotations

from flask import Response

from roost.domain.audit import Action
from roost.errors import InvalidInput
from roost.web.calls import Call
from roost.web.hosts import peer_of
from roost.web.html import page
from roost.web.payloads_session import SignInLink
from roost.web.session import begin_session


def link_page(_call: Call) -> Response:
    """The page behind a one-time sign-in link: a button, so that link previews use nothing up."""
    return page(
        "Sign in",
        "<p>This link signs you in as the owner of this Roost, once.</p>"
        '<p><button type="button" id="sign-in">Sign in</button></p><p id="outcome" role="status"></p>',
        script="/auth/link.js",
    )


def redeem(call: Call, body: SignInLink) -> Response:
    """Sign in as the owner with a one-time link's code."""
    peer = peer_of(call.request.environ, call.services.settings)
    call.shared.sign_in_attempts.count(peer)
    try:
        person = call.services.sign_in.redeem_link_code(body.code)
    except InvalidInput as error:
        call.services.audit.record(Action.SIGN_IN_FAILED, None, subject=peer, detail=error.message)
        raise
    return begin_session(call, person, "by a one-time link")
