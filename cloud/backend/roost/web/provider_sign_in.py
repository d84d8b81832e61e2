"""Signing in at Google, or another OpenID provider: the way there, and the way back."""

from __future__ import annotations

from html import escape

from flask import Response

from roost.domain.audit import Action
from roost.errors import Forbidden, NotFound, RemoteUnreachable, RoostError
from roost.log import redact
from roost.services.ports import SignInRefused
from roost.services.provider_sign_in import ProviderSignIn
from roost.web.calls import Call
from roost.web.cookies import drop_pending_sign_in, pending_sign_in, set_pending_sign_in, set_session
from roost.web.errors import error_body, status_of
from roost.web.hosts import peer_of
from roost.web.html import page
from roost.web.session import start_session


def begin(call: Call) -> Response:
    """Go to the provider to sign in, and come back to the page named by `next`."""
    call.shared.sign_in_attempts.count(peer_of(call.request.environ, call.services.settings))
    try:
        begun = _provider(call).begin(call.request.args.get("next"))
    except RemoteUnreachable as error:
        return _refusal(call, error)
    answer = _redirect(begun.address)
    set_pending_sign_in(answer, begun.pending, call.services.settings)
    return answer


def callback(call: Call) -> Response:
    """Where the provider sends the browser back to: a session, or a sentence why not."""
    settings = call.services.settings
    peer = peer_of(call.request.environ, settings)
    call.shared.sign_in_attempts.count(peer)
    provider = _provider(call)
    try:
        answered = {name: values[0] for name, values in call.request.args.lists() if len(values) == 1}
        finished = provider.finish(pending_sign_in(call.request, settings), answered)
    except (SignInRefused, Forbidden, RemoteUnreachable) as error:
        call.services.audit.record(Action.SIGN_IN_FAILED, None, subject=peer, detail=error.message)
        answer = _refusal(call, error)
        drop_pending_sign_in(answer, settings)
        return answer
    secret = start_session(call, finished.person, "at the provider")
    answer = _redirect(finished.next_path)
    set_session(answer, secret, settings)
    drop_pending_sign_in(answer, settings)
    return answer


def _redirect(address: str) -> Response:
    return Response(status=302, headers={"Location": address}, content_type="text/html; charset=utf-8")


def _provider(call: Call) -> ProviderSignIn:
    provider = call.services.provider_sign_in
    if provider is None:
        raise NotFound(
            "Google sign-in is not set up. Set GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and PUBLIC_URL.",
            code="no_provider",
        )
    return provider


def _refusal(call: Call, error: RoostError) -> Response:
    """A page for a browser, JSON for anything else; in neither is the provider's text markup."""
    status = 400 if isinstance(error, SignInRefused) else status_of(error)
    if call.request.accept_mimetypes.quality("text/html") > call.request.accept_mimetypes.quality(
        "application/json"
    ):
        answer = page(
            "Not signed in",
            f'<p role="alert">{escape(redact(error.message))}</p><p><a href="/">To the start</a></p>',
        )
        answer.status_code = status
        return answer
    body = error_body(error.code, redact(error.message))
    body = body.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Response(body, status, content_type="application/json")
