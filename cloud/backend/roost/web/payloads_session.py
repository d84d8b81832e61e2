"""Payloads of sessions and API keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from roost.domain.accounts import Role
from roost.services.readiness import State
from roost.web.payload import Moment, Name, Payload


class Person(Payload):
    id: str
    name: str
    email: str | None
    role: Role


class SignInWays(Payload):
    google: bool
    local: bool
    link: bool


class Session(Payload):
    user: Person | None
    sign_in: SignInWays
    state: State
    reason: str | None


class SignInLink(Payload):
    code: Annotated[str, Field(min_length=1, max_length=200)]


class ApiKey(Payload):
    id: str
    name: str
    last4: str
    created_at: Moment
    last_used_at: Moment | None


class ApiKeyList(Payload):
    items: list[ApiKey]
    next_cursor: str | None


class NewApiKey(Payload):
    name: Name


class CreatedApiKey(ApiKey):
    key: str
