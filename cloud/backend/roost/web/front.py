"""What answers first: the page's files and the probes always, and, while the application is still being
built, the rest honestly with "starting"; pages of other sites with a widget until Roost is ready.

Importing and building the application takes a good second of CPU; the page can be open, and say what is going
on, long before that. Nothing here needs a framework.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from roost.services.readiness import Readiness
from roost.settings import Settings
from roost.web.hosts import Environ, is_sent_to_us, may_sign_in_locally
from roost.web.static_pages import StartResponse, StaticFile, StaticPages, respond

Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
NOT_PAGES = frozenset({"api", "auth", "webhooks", "widget", "manual", "healthz", "readyz", "metrics"})
RETRY_AFTER_S = 2
WIDGETS = "/widget/v1/"
# Whose pages may read what is answered under a key is not known yet: that Roost is not ready, every page may.
WIDGET_HEADERS = {
    **SECURITY_HEADERS,
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Expose-Headers": "Retry-After",
}


class Front:
    """The WSGI callable of the process. `attach` hands over to the application, once."""

    def __init__(self, pages: StaticPages, settings: Settings, readiness: Readiness) -> None:
        self._pages = pages
        self._settings = settings
        self._readiness = readiness
        self._application: Application | None = None

    def attach(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        application = self._application
        if _is_of_the_page(environ) and is_sent_to_us(environ, self._settings):
            file = self._pages.find(environ["PATH_INFO"]) or self._index_for(environ["PATH_INFO"])
            if file is not None:
                return respond(file, environ, start_response, SECURITY_HEADERS.items())
        if (
            environ["PATH_INFO"].startswith(WIDGETS)
            and not self._readiness.standing.ready
            and is_sent_to_us(environ, self._settings)
        ):
            return self._for_widgets(environ, start_response)
        if application is not None:
            return application(environ, start_response)
        return self._while_starting(environ, start_response)

    def _index_for(self, path: str) -> StaticFile | None:
        """The one page for every address the browser makes up; not for what is named like a file."""
        return None if "." in path.rsplit("/", 1)[-1] or path.startswith("/assets/") else self._pages.index

    def _for_widgets(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The chat's script, which then comes back until Roost is ready, and a refusal that it can read."""
        standing = self._readiness.standing
        script = self._pages.find("/widget.js") if environ["PATH_INFO"].endswith("/widget.js") else None
        if script is not None and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return respond(script, environ, start_response, WIDGET_HEADERS.items())
        if environ["REQUEST_METHOD"] == "OPTIONS":
            start_response("204 No Content", [*WIDGET_HEADERS.items()])
            return []
        return _error(
            start_response,
            "503 Service Unavailable",
            standing.state,
            standing.reason or "Roost is starting.",
            WIDGET_HEADERS,
        )

    def _while_starting(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        standing = self._readiness.standing
        if path == "/healthz":
            return _json(start_response, "200 OK", {"status": "ok"})
        if path == "/readyz":
            return _json(
                start_response,
                "503 Service Unavailable",
                {"state": standing.state, "reason": standing.reason},
            )
        if not is_sent_to_us(environ, self._settings):
            sentence = (
                "This address is not one of Roost's. "
                "Open it at its own address, or set PUBLIC_URL to this one."
            )
            return _error(start_response, "400 Bad Request", "unknown_host", sentence)
        if path == "/api/session" and method in ("GET", "HEAD"):
            local = may_sign_in_locally(environ, self._settings)
            google = self._settings.google_client_id is not None
            return _json(
                start_response,
                "200 OK",
                {
                    "user": None,
                    "sign_in": {"google": google, "local": local, "link": not (local or google)},
                    "state": standing.state,
                    "reason": standing.reason,
                },
            )
        return _error(
            start_response, "503 Service Unavailable", standing.state, standing.reason or "Roost is starting."
        )


def _is_of_the_page(environ: Environ) -> bool:
    first = environ["PATH_INFO"].lstrip("/").partition("/")[0]
    return environ["REQUEST_METHOD"] in ("GET", "HEAD") and first not in NOT_PAGES


def _error(
    start_response: StartResponse,
    status: str,
    code: str,
    message: str,
    security: Mapping[str, str] = SECURITY_HEADERS,
) -> Iterable[bytes]:
    return _json(start_response, status, {"error": {"code": code, "message": message}}, security)


def _json(
    start_response: StartResponse,
    status: str,
    payload: dict[str, Any],
    security: Mapping[str, str] = SECURITY_HEADERS,
) -> Iterable[bytes]:
    body = json.dumps(payload).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *security.items(),
    ]
    if status.startswith("503"):
        headers.append(("Retry-After", str(RETRY_AFTER_S)))
    start_response(status, headers)
    return [body]
