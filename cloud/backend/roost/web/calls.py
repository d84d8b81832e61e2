"""One request on its way to the function that answers it: the payloads it takes, a reply that is given once.

`Endpoint` is what Flask calls. It reads the view's annotations: `body` and `query` are payloads to check.
What stands in the path comes as text, and what the view returns is the reply.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Union, cast, get_type_hints

from flask import Response, g, request

from roost.domain.accounts import Person
from roost.errors import InvalidInput, RoostError, Unauthenticated
from roost.storage.database import Database
from roost.storage.idempotency import Once, Replayed, StoredReply, find_reply, store_reply
from roost.web.admission import Caller
from roost.web.errors import answer_json, body_of, invalid_payload, status_of
from roost.web.requests import StrictRequest, shown
from roost.web.routes import Route, Store
from roost.web.services import Services
from roost.web.shared import RequestKey, Shared

if TYPE_CHECKING:
    from pydantic import BaseModel

KEY_LENGTH_AT_MOST = 200
NOT_KEPT = frozenset({401, 403, 429})
_PACKAGE = "roost.web"

# What a view answers with: a payload, or a plain object where pydantic would only slow down the start.
Worded = Union["BaseModel", dict[str, Any], None]


@dataclass(frozen=True, slots=True)
class Call:
    """What a view knows of its request beyond the payloads."""

    services: Services
    shared: Shared
    caller: Caller
    request: StrictRequest
    route: Route
    key: str | None

    @property
    def person(self) -> Person:
        if self.caller.person is None:
            raise Unauthenticated("Sign in to go on.")
        return self.caller.person

    def once(
        self, payload: Callable[[Any], Worded], status: Callable[[Any], int] | None = None
    ) -> Once | None:
        """How the service stores this reply with its write; None when the caller sent no Idempotency-Key.

        `payload` words the service's result, `status` chooses among the route's statuses.
        """
        if self.key is None:
            return None

        def render(result: Any) -> StoredReply:
            body = _json_text(payload(result))
            return StoredReply(self.route.status if status is None else status(result), self._seal(body))

        return self._scope(render)

    def lookup(self) -> Once:
        """The scope of this request's key, for looking up and for keeping refusals."""
        return self._scope(lambda _: StoredReply(self.route.status, ""))

    @property
    def database(self) -> Database:
        """Where this route's replies are kept."""
        if self.route.store is Store.CONVERSATIONS:
            return self.services.conversations
        return self.services.bot_configs

    def keep(self, scope: Once, reply: StoredReply) -> None:
        """Stores a reply that has no write of its own to be stored with."""
        self.database.write(lambda db: store_reply(db, scope, reply))

    def replay(self, reply: StoredReply) -> Response:
        """The first reply again, as it was."""
        answer = answer_json(self._open(reply.body) if reply.status < 300 else reply.body, reply.status)
        answer.headers["Idempotency-Replayed"] = "true"
        return answer

    def _scope(self, render: Callable[[Any], StoredReply]) -> Once:
        return Once(
            person_id=self.person.id,
            method=self.request.method,
            path=self.request.path,
            key=self.key or "",
            body_sha256=hashlib.sha256(self.request.body_bytes()).hexdigest(),
            at=self.services.clock.now(),
            render=render,
        )

    def _place(self) -> str:
        return f"idempotency/{self.person.id}/{self.request.path}/{self.key}"

    def _seal(self, body: str) -> str:
        return self.services.cipher.seal(body, self._place()) if self.route.secret_reply else body

    def _open(self, body: str) -> str:
        return self.services.cipher.open(body, self._place()) if self.route.secret_reply else body


class View:
    """A view function and the payloads it asks for."""

    def __init__(self, name: str) -> None:
        module, _, function = name.partition(":")
        self.function: Callable[..., Any] = getattr(import_module(f"{_PACKAGE}.{module}"), function)
        takes_payload = not {"body", "query"}.isdisjoint(self.function.__annotations__)
        hints = get_type_hints(self.function) if takes_payload else {}
        self.body: type[BaseModel] | None = hints.get("body")
        self.query: type[BaseModel] | None = hints.get("query")


class Endpoint:
    """What Flask calls for a route."""

    def __init__(self, route: Route, services: Services, shared: Shared) -> None:
        self.__name__ = route.name
        self._route = route
        self._services = services
        self._shared = shared
        self._view: View | None = None

    @property
    def view(self) -> View:
        """Loaded at the first call; two threads may both load it, to the same end."""
        if self._view is None:
            self._view = View(self._route.view)
        return self._view

    def __call__(self, **path: str) -> Response:
        # The request itself: what a service stores for this call is worded on another thread.
        sent = cast(StrictRequest, request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
        route = self._route
        key = _idempotency_key(sent) if route.writes and route.store is not None else None
        call = Call(self._services, self._shared, g.caller, sent, route, key)
        payloads = self._payloads(sent)
        if key is None:
            return self._answer(call, path, payloads)
        scope = call.lookup()
        place: RequestKey = (scope.person_id, scope.method, scope.path, scope.key)
        self._shared.in_flight.enter(place)
        try:
            with call.database.read() as db:
                earlier = find_reply(db, scope)
            if earlier is not None:
                return call.replay(earlier)
            return self._answer_once(call, scope, path, payloads)
        finally:
            self._shared.in_flight.leave(place)

    def _answer_once(
        self, call: Call, scope: Once, path: dict[str, str], payloads: dict[str, Any]
    ) -> Response:
        try:
            answer = self._answer(call, path, payloads)
        except Replayed as replayed:
            return call.replay(replayed.reply)
        except RoostError as refusal:
            status = status_of(refusal)
            if status < 500 and status not in NOT_KEPT:
                call.keep(scope, StoredReply(status, body_of(refusal)))
            raise
        if self._route.repeatable:
            call.keep(scope, StoredReply(answer.status_code, answer.get_data(as_text=True)))
        return answer

    def _answer(self, call: Call, path: dict[str, str], payloads: dict[str, Any]) -> Response:
        answer = self.view.function(call, *path.values(), **payloads)
        status = self._route.status
        if isinstance(answer, tuple):
            answer, status = answer
        if isinstance(answer, Response):
            return answer
        return answer_json(_json_text(answer), status)

    def _payloads(self, sent: StrictRequest) -> dict[str, Any]:
        """Raises InvalidInput and its kin for what the view does not take."""
        view = self.view
        found: dict[str, Any] = {}
        query = {} if self._route.any_query else sent.query_values()
        if view.query is not None:
            found["query"] = _checked(view.query, query, strict=False)
        elif query:
            name = shown(next(iter(query)))
            raise InvalidInput("This address takes no such parameter. Leave it out.", field=name)
        if self._route.writes and not self._route.upload and not self._route.any_body:
            body = sent.json_body()
            if view.body is not None:
                found["body"] = _checked(view.body, body, strict=True)
            elif body:
                name = shown(next(iter(body)))
                raise InvalidInput("This request takes no fields. Send an empty body.", field=name)
        return found


def _json_text(worded: Worded) -> str:
    if worded is None:
        return ""
    return json.dumps(worded, ensure_ascii=False) if isinstance(worded, dict) else worded.model_dump_json()


def _checked(model: type[BaseModel], values: dict[str, Any], *, strict: bool) -> BaseModel:
    from pydantic import ValidationError

    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        # Not chained: pydantic's error holds what was sent, which may be a token.
        raise invalid_payload(error) from None


def _idempotency_key(sent: StrictRequest) -> str | None:
    key = sent.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= KEY_LENGTH_AT_MOST or not key.isascii() or not key.isprintable():
        raise InvalidInput(
            f"The Idempotency-Key must be 1 to {KEY_LENGTH_AT_MOST} printable characters.",
            field="Idempotency-Key",
        )
    return key
