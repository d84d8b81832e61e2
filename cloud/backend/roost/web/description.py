"""The API's description (OpenAPI 3.1), made from the routes and payloads when it is first asked for.

flask-openapi3 writes it; it takes 0.2 s and 10 MB to load, so requests are checked without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field, create_model

from roost import __version__
from roost.web import (
    payload,
    payloads_bots,
    payloads_chat,
    payloads_insights,
    payloads_knowledge,
    payloads_operations,
    payloads_people,
    payloads_session,
    payloads_widgets,
)
from roost.web.calls import View
from roost.web.routes import Access, Route

_MODULES = (
    payload,
    payloads_session,
    payloads_people,
    payloads_bots,
    payloads_chat,
    payloads_knowledge,
    payloads_insights,
    payloads_widgets,
    payloads_operations,
)
# Payloads of events, which no operation refers to.
_STREAMED = ("LiveLogLine", "RunSources", "RunDelta", "RunDone", "VisitorAnswer")
_SECURITY: list[dict[str, list[Any]]] = [{"cookie": []}, {"apiKey": []}]
_SCHEMES: dict[str, Any] = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": "roost_session"},
    "apiKey": {"type": "http", "scheme": "bearer"},
}
_OPEN = (Access.PUBLIC, Access.PROBE, Access.DESCRIPTION, Access.WEBHOOK, Access.WIDGET)


class _WriteHeader(BaseModel):
    idempotency_key: str | None = Field(None, alias="Idempotency-Key", min_length=1, max_length=200)


class _RunHeader(BaseModel):
    last_event_id: str | None = Field(None, alias="Last-Event-ID")


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The description as JSON's objects."""
    app = OpenAPI(
        "roost",
        info=Info(title="Roost", version=__version__),
        security_schemes=_SCHEMES,
        doc_ui=False,
        validation_error_model=payload.Error,
    )
    declared: dict[tuple[str, str], set[str]] = {}
    bodies: dict[tuple[str, str], dict[str, Any]] = {}
    for route in routes:
        view = View(route.view)
        responses = _responses(route, view)
        declared[(_path(route.rule), route.method.lower())] = {str(status) for status in responses}
        if route.upload:
            bodies[(_path(route.rule), route.method.lower())] = {
                media: {"schema": {"type": "string", "format": "binary"}} for media in route.upload
            }
        if route.any_body:
            bodies[(_path(route.rule), route.method.lower())] = {
                "application/json": {"schema": {"type": "object"}}
            }
        register = getattr(app, route.method.lower())
        register(
            route.rule,
            tags=[Tag(name=route.tag)],
            summary=(view.function.__doc__ or "").strip().splitlines()[0],
            operation_id=route.name,
            responses=responses,
            security=[] if route.access in _OPEN else _SECURITY,
        )(_stub(route, view))
    for name in _STREAMED:
        app.components_schemas[name] = _model(name).model_json_schema(
            ref_template="#/components/schemas/{model}", mode="serialization"
        )
    described = _without_additions(app.api_doc, declared)
    for (path, method), content in bodies.items():
        described["paths"][path][method]["requestBody"] = {"required": True, "content": content}
    return described


def error_statuses(route: Route, view: View) -> set[int]:
    """What can go wrong, as it follows from who may use the route and what it takes."""
    found = set(route.errors)
    if route.access in _OPEN:
        if view.body is not None:
            found |= {400, 413, 415, 422}
        if route.writes:
            found |= {503}
        return found
    if route.access is Access.METRICS:
        return found | {401, 403}
    found |= {401, 503}
    if route.access in (Access.BUILD, Access.OWNER) or route.writes:
        found |= {403}
    if "<" in route.rule:
        found |= {404}
    if route.writes:
        found |= {409, 422}
    if view.query is not None:
        found |= {422}
    if view.body is not None:
        found |= {400, 413, 415}
    if route.upload:
        found |= {413, 415}
    return found


def _responses(route: Route, view: View) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for status in (route.status, *route.also):
        phrase = HTTPStatus(status).phrase
        if route.media:
            content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in route.media}
            described[str(status)] = {"description": phrase, "content": content}
        elif route.reply is not None:
            described[str(status)] = _model(route.reply)
        elif status == HTTPStatus.NO_CONTENT:
            described[str(status)] = {"description": phrase}
        else:
            described[str(status)] = {
                "description": phrase,
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
    for status in sorted(error_statuses(route, view)):
        described.setdefault(str(status), payload.Error)
    return described


def _stub(route: Route, view: View) -> Any:
    """A function with the parameters flask-openapi3 reads; it is never called."""

    def stub() -> None: ...

    stub.__name__ = route.name
    names = re.findall(r"<(\w+)>", route.rule)
    annotations: dict[str, Any] = {}
    if names:
        fields: Any = dict.fromkeys(names, (str, ...))
        annotations["path"] = create_model(f"{route.name}Path", **fields)
    if view.query is not None:
        annotations["query"] = view.query
    if view.body is not None:
        annotations["body"] = view.body
    if route.store is not None:
        annotations["header"] = _WriteHeader
    elif route.name == "streamRun":
        annotations["header"] = _RunHeader
    stub.__annotations__ = annotations
    return stub


def _model(name: str) -> type[BaseModel]:
    for module in _MODULES:
        model = getattr(module, name, None)
        if isinstance(model, type) and issubclass(model, BaseModel):
            return model
    raise LookupError(f"there is no payload {name}")


def _path(rule: str) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", rule)


def _without_additions(
    described: dict[str, Any], declared: Mapping[tuple[str, str], set[str]]
) -> dict[str, Any]:
    """Takes out the 422 that flask-openapi3 adds to every operation."""
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            for status in set(operation["responses"]) - declared[(path, method)]:
                del operation["responses"][status]
    return described
