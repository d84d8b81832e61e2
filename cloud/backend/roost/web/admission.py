"""Who gets in: the checks every request passes before a resource sees it, in this order.

Method, Host (DNS rebinding), readiness, where a browser says the request comes from (cross-site requests),
who it is, and what that person's role allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request

from roost.domain.accounts import Person, Role
from roost.errors import Forbidden, InvalidInput, Unauthenticated, Unavailable
from roost.services.readiness import State
from roost.settings import Settings
from roost.web.cookies import session_secret
from roost.web.hosts import is_direct_from_here, is_sent_to_us
from roost.web.requests import Unreadable
from roost.web.routes import Access, Route
from roost.web.services import Services

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PROVIDER_PATHS = ("/auth/google", "/auth/callback")
PROBES = ("/healthz", "/readyz")
STREAM = ("text/event-stream",)


class MethodRefused(InvalidInput):
    """A method nothing here takes, such as TRACE."""

    default_code = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `secret` is the session's or the API key's; its repr holds no secret."""

    person: Person | None
    by_key: bool
    secret: str | None

    def __repr__(self) -> str:
        return f"Caller(person={self.person!r}, by_key={self.by_key})"


ANONYMOUS = Caller(None, by_key=False, secret=None)


def admit(request: Request, route: Route | None, services: Services) -> Caller:
    """Whoever sent this request, when it may pass. `route` is None for an unknown address or method.

    Raises MethodRefused, Unreadable (a foreign Host), Unavailable, Forbidden, Unauthenticated.
    """
    if request.method not in METHODS:
        raise MethodRefused("This method is not used here.")
    if request.path not in PROBES:
        check_host(request, services.settings)
    in_api = request.path.startswith("/api/") or request.path == "/api"
    if route is not None:
        access = route.access
    elif request.path.startswith("/widget/"):
        access = Access.WIDGET
    else:
        access = Access.SIGNED_IN if in_api else Access.PUBLIC
    if (
        (in_api and access is not Access.PUBLIC)
        or access in (Access.WEBHOOK, Access.WIDGET)
        or (
            request.path.startswith("/auth/") and (request.method == "POST" or request.path in PROVIDER_PATHS)
        )
    ):
        reads = in_api and request.method in SAFE_METHODS and route is not None and route.media != STREAM
        check_ready(services, reads=reads or _is_adoption(route))
    if access in (Access.WEBHOOK, Access.WIDGET):
        # Not even looked at: a widget's pages are other sites', and a cookie of ours means nothing there.
        return ANONYMOUS
    bearer = _bearer(request)
    if (in_api and bearer is None) or request.method not in SAFE_METHODS:
        check_same_site(request, services.settings, exempt=in_api and bearer is not None)
    caller = identify(request, bearer, services)
    _check_access(request, access, caller, services.settings)
    return caller


def check_host(request: Request, settings: Settings) -> None:
    """Raises Unreadable when the request was sent to a name that is not ours."""
    if not is_sent_to_us(request.environ, settings):
        raise Unreadable(
            "This is not one of Roost's addresses. Open it at its own, or set PUBLIC_URL to this one.",
            code="unknown_host",
        )


def check_ready(services: Services, *, reads: bool = False) -> None:
    """Raises Unavailable. `reads`: nothing is written, which may be possible although Roost is not ready."""
    standing = services.readiness.standing
    if not (standing.ready or (reads and standing.reads)):
        raise Unavailable(
            standing.reason or "Roost is starting. Try again in a moment.",
            code=standing.state,
            retry_after_s=1 if standing.state is State.HANDOVER else 2,
        )


def _is_adoption(route: Route | None) -> bool:
    """Going on with an emptied bucket is asked for exactly when nothing can be written."""
    return route is not None and route.name == "backUp"


def check_same_site(request: Request, settings: Settings, *, exempt: bool) -> None:
    """Raises Forbidden for a request that another site made a browser send. Fetch Metadata, and RFC 6454."""
    if exempt:
        return
    refusal = Forbidden(
        "This request comes from another site. Send it from Roost's own page.", code="cross_site"
    )
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise refusal
    origin = request.headers.get("Origin")
    if origin is None or origin == settings.public_url:
        return
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or parts.netloc.lower() != request.headers.get("Host", "").lower()
    ):
        raise refusal


def identify(request: Request, bearer: str | None, services: Services) -> Caller:
    """Whoever the API key or the cookie stands for; a cookie never makes up for an unknown API key."""
    if not services.readiness.standing.reads:
        return ANONYMOUS
    if bearer is not None:
        person = services.api_keys.person_of(bearer)
        return Caller(person, by_key=True, secret=bearer)
    secret = session_secret(request, services.settings)
    if secret is None:
        return ANONYMOUS
    return Caller(services.sign_in.person_of_session(secret), by_key=False, secret=secret)


def _check_access(request: Request, access: Access, caller: Caller, settings: Settings) -> None:
    if access in (Access.PUBLIC, Access.PROBE):
        return
    if access is Access.DESCRIPTION and not settings.on_cloud_run:
        return
    if access is Access.METRICS and not settings.on_cloud_run and is_direct_from_here(request.environ):
        return
    if caller.person is None:
        remedy = "This API key is unknown or revoked. Use another." if caller.by_key else "Sign in to go on."
        raise Unauthenticated(remedy)
    if access is Access.OWNER and caller.person.role is not Role.OWNER:
        raise Forbidden("Only owners may do this. Ask one.", code="owners_only")
    if access in (Access.BUILD, Access.METRICS) and not caller.person.may_build:
        raise Forbidden(
            "Guests may use the chat only. Ask the owner to make you a member.", code="guests_chat_only"
        )


def _bearer(request: Request) -> str | None:
    """The API key of RFC 6750, or None when the request does not carry one."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None
