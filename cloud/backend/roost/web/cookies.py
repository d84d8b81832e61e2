"""The cookies: a session's, and that of a sign-in which is still under way."""

from __future__ import annotations

from flask import Request, Response

from roost.services.provider_sign_in import SIGN_IN_LASTS
from roost.services.sign_in import SESSION_LASTS
from roost.settings import Settings

SECRET_LENGTH_AT_MOST = 200
PENDING_LENGTH_AT_MOST = 4000
_PENDING = "roost_sign_in"


def cookie_name(settings: Settings) -> str:
    """`__Host-` (RFC 6265bis, section 4.1.3.2) binds the cookie to this host; it needs https."""
    return "__Host-roost" if _is_secure(settings) else "roost_session"


def session_secret(request: Request, settings: Settings) -> str | None:
    secret = request.cookies.get(cookie_name(settings))
    return secret if secret and len(secret) <= SECRET_LENGTH_AT_MOST else None


def set_session(response: Response, secret: str, settings: Settings) -> None:
    response.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def drop_session(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        cookie_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="Lax"
    )


def pending_sign_in(request: Request, settings: Settings) -> str | None:
    """What a sign-in at a provider that was begun in this browser must remember, sealed."""
    pending = request.cookies.get(_pending_name(settings))
    return pending if pending and len(pending) <= PENDING_LENGTH_AT_MOST else None


def set_pending_sign_in(response: Response, pending: str, settings: Settings) -> None:
    """Lax, not Strict: the provider's answer is a navigation from its site to ours."""
    response.set_cookie(
        _pending_name(settings),
        pending,
        max_age=int(SIGN_IN_LASTS.total_seconds()),
        path="/",
        secure=_is_secure(settings),
        httponly=True,
        samesite="Lax",
    )


def drop_pending_sign_in(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        _pending_name(settings), path="/", secure=_is_secure(settings), httponly=True, samesite="Lax"
    )


def _pending_name(settings: Settings) -> str:
    return f"__Host-{_PENDING}" if _is_secure(settings) else _PENDING


def _is_secure(settings: Settings) -> bool:
    return settings.on_cloud_run or (settings.public_url or "").startswith("https:")
