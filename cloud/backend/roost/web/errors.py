"""How what goes wrong is told: one table of statuses, one shape."""

from __future__ import annotations

import json
import logging
import math
import secrets
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from roost import errors
from roost.log import redact
from roost.web.requests import Unreadable, WrongMediaType

if TYPE_CHECKING:
    from pydantic import ValidationError

log = logging.getLogger("roost.web")

STATUSES: dict[type[errors.RoostError], int] = {
    Unreadable: 400,
    WrongMediaType: 415,
    errors.TooLarge: 413,
    errors.InvalidInput: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitReached: 429,
    errors.Unavailable: 503,
    errors.RemoteRejected: 422,
    errors.RemoteUnreachable: 503,
    errors.DecryptionRefused: 409,
    errors.StorageError: 500,
    errors.RoostError: 500,
}
RETRY_AFTER_S = 5
_SENTENCES = {
    400: ("bad_request", "The request cannot be read. Check how it is sent."),
    404: ("not_found", "There is nothing at this address. Check it for typing errors."),
    405: (
        "method_not_allowed",
        "This address does not take this method. See /api/openapi.json for those it takes.",
    ),
    413: ("too_large", "The body is larger than 1 MiB. Send less at once."),
}


def install(app: Flask) -> None:
    """Makes every error an answer in our shape."""
    app.register_error_handler(errors.RoostError, roost_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _unexpected)


def status_of(error: errors.RoostError) -> int:
    for family in type(error).__mro__:
        status = STATUSES.get(family)
        if status is not None:
            return status
    return 500


def error_body(code: str, message: str, field: str | None = None) -> str:
    detail = {"code": code, "message": message}
    if field is not None:
        # A field nobody knows is named by the client, who may have put a token there.
        detail["field"] = redact(field)
    return json.dumps({"error": detail}, ensure_ascii=False)


def body_of(error: errors.RoostError) -> str:
    """What a client is told: never anything that looks like a token."""
    return error_body(error.code, redact(error.message), error.field)


def roost_error(error: errors.RoostError) -> Response:
    status = status_of(error)
    if status == 500:
        log.error("A request failed.", extra={"path": request.path, "method": request.method}, exc_info=error)
    answer = answer_json(body_of(error), status)
    if status in (429, 503) or error.retry_after_s is not None:
        wait_s = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        answer.headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    if status == 413:
        # What was not read must not be taken for the next request of this connection.
        answer.headers["Connection"] = "close"
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def answer_json(body: str, status: int) -> Response:
    """An empty body is an answer without content."""
    if not body:
        answer = Response(status=status)
        del answer.headers["Content-Type"]
        return answer
    return Response(body, status, content_type="application/json")


def invalid_payload(error: ValidationError) -> errors.InvalidInput:
    """The first thing wrong, in our words: what was sent is never repeated, for it may be a token."""
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:100] or None
    return errors.InvalidInput(
        _sentence(field or "the body", first["type"], first.get("ctx", {})), field=field
    )


def _sentence(field: str, kind: str, limits: dict[str, Any]) -> str:
    match kind:
        case "missing":
            return f"`{field}` is missing. Send it."
        case "extra_forbidden":
            return f"`{field}` is not a field of this request. Leave it out."
        case "string_too_long":
            return f"`{field}` is too long: {limits['max_length']} characters at most. Shorten it."
        case "string_too_short":
            return f"`{field}` is too short: {limits['min_length']} characters at least."
        case "too_long":
            return f"`{field}` has too many entries: {limits['max_length']} at most."
        case "greater_than_equal":
            return f"`{field}` is too small: {limits['ge']} at least."
        case "less_than_equal":
            return f"`{field}` is too large: {limits['le']} at most."
        case "enum" | "literal_error":
            return f"`{field}` must be {limits['expected']}."
        case "value_error":
            return f"`{field}` {limits['error']}"
        case "string_pattern_mismatch":
            return f"`{field}` is not in the right form. See /api/openapi.json."
        case _:
            wanted = kind.removesuffix("_parsing").removesuffix("_type").replace("_", " ")
            return f"`{field}` is not of the right type: {wanted} is wanted."


def http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code, message = _SENTENCES.get(status, ("http", "The request was refused."))
    answer = answer_json(error_body(code, message), status)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "location"):
            answer.headers[name] = value
    return answer


def _unexpected(error: Exception) -> Response:
    error_id = secrets.token_hex(4)
    log.error(
        "A request failed unexpectedly.",
        extra={"error_id": error_id, "path": request.path, "method": request.method},
        exc_info=error,
    )
    message = f"Something went wrong in Roost (error {error_id}). Try again; the log has the details."
    return answer_json(error_body("internal", message), 500)
