"""Discord's REST calls that a bot's answers need, as JSON. Everything raises RoostErrors only: PostRefused,
InteractionExpired, RemoteRejected for a token that is refused, RemoteUnreachable for what may work later.

Source: https://discord.com/developers/docs/resources/message
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.http import Route

from roost.discordbot.buttons import Components
from roost.discordbot.client import ALREADY_ACKNOWLEDGED, DiscordClient, PostRefused, translate
from roost.discordbot.events import snowflake
from roost.errors import RemoteUnreachable

SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
DEFERRED_ANSWER, DEFERRED_CHANGE = 5, 6
HISTORY_PAGE = 100
_INTERACTION = "/interactions/{webhook_id}/{webhook_token}/callback"
_FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"
_APPLICATION = "/applications/@me"
_ORIGINAL = _FOLLOW_UP + "/messages/@original"
_COMMANDS = "/applications/{webhook_id}/commands"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """A message as Discord keeps it."""

    id: int
    content: str
    has_buttons: bool


class Posts:
    """`client` may be exchanged when the bot connects anew; calls use the one of their moment."""

    def __init__(self, client: DiscordClient | None = None) -> None:
        self.client = client
        self._turns: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def send(
        self,
        channel_id: int,
        content: str,
        nonce: str,
        components: Components | None = None,
        *,
        answering: int | None,
        pinging: int | None,
    ) -> Post:
        """A message; the same nonce again gives the first one for some minutes. `components` are its
        buttons, `answering` is the message it replies to, `pinging` the person it may notify.
        """
        body: Json = {
            "content": content,
            "nonce": nonce,
            "enforce_nonce": True,
            "flags": SUPPRESS_EMBEDS,
            "allowed_mentions": {
                "parse": [],
                "users": [str(pinging)] if pinging is not None else [],
                "replied_user": answering is not None,
            },
        }
        if components is not None:
            body["components"] = components
        if answering is not None:
            body["message_reference"] = {"message_id": str(answering), "fail_if_not_exists": False}
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=channel_id)
        async with self._turn("send", channel_id):
            return _post(await self._call(route, body))

    async def edit(
        self, channel_id: int, message_id: int, content: str | None, components: Components | None = None
    ) -> Post:
        """What is None stays as it is."""
        route = Route(
            "PATCH",
            "/channels/{channel_id}/messages/{message_id}",
            channel_id=channel_id,
            message_id=message_id,
        )
        async with self._turn("edit", channel_id):
            return _post(await self._call(route, _changed(content, components)))

    async def delete(self, channel_id: int, message_id: int) -> None:
        await self._call(
            Route(
                "DELETE",
                "/channels/{channel_id}/messages/{message_id}",
                channel_id=channel_id,
                message_id=message_id,
            )
        )

    async def show_typing(self, channel_id: int) -> None:
        await self._call(Route("POST", "/channels/{channel_id}/typing", channel_id=channel_id))

    async def history(self, channel_id: int, after: int) -> list[Json]:
        """At most 100 messages that came next after that id, oldest first."""
        route = Route("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
        found = await self._call(route, query={"after": str(after), "limit": str(HISTORY_PAGE)})
        messages = [each for each in _objects(found) if snowflake(each.get("id")) is not None]
        return sorted(messages, key=lambda each: int(each["id"]))

    async def defer(self, interaction_id: int, token: str, *, ephemeral: bool) -> int | None:
        """Tells the person that an answer is coming; the id of the message it will stand in, when known.
        Repeating it does no harm.
        """
        route = Route("POST", _INTERACTION, webhook_id=interaction_id, webhook_token=token)
        body = {"type": DEFERRED_ANSWER, "data": {"flags": EPHEMERAL if ephemeral else 0}}
        try:
            answer = await self._call(route, body, query={"with_response": "true"})
        except PostRefused as error:
            if error.code == ALREADY_ACKNOWLEDGED:
                return None
            raise
        message_id = _nested(answer, "interaction", "response_message_id")
        return int(message_id) if message_id is not None else None

    async def defer_change(self, interaction_id: int, token: str) -> None:
        """Tells whoever pressed a button that it arrived. Repeating it does no harm."""
        route = Route("POST", _INTERACTION, webhook_id=interaction_id, webhook_token=token)
        try:
            await self._call(route, {"type": DEFERRED_CHANGE})
        except PostRefused as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise

    async def edit_original(
        self, application_id: int, token: str, content: str | None, components: Components | None = None
    ) -> Post:
        """Changes the message that stands for the deferred answer, or whose button was pressed. What is None
        stays as it is.
        """
        route = Route("PATCH", _ORIGINAL, webhook_id=application_id, webhook_token=token)
        return _post(await self._call(route, _changed(content, components)))

    async def delete_original(self, application_id: int, token: str) -> None:
        await self._call(Route("DELETE", _ORIGINAL, webhook_id=application_id, webhook_token=token))

    async def follow_up(
        self,
        application_id: int,
        token: str,
        content: str,
        components: Components | None = None,
        *,
        ephemeral: bool = False,
    ) -> Post:
        route = Route("POST", _FOLLOW_UP, webhook_id=application_id, webhook_token=token)
        body = _changed(content, components)
        if ephemeral:
            body["flags"] = SUPPRESS_EMBEDS | EPHEMERAL
        return _post(await self._call(route, body))

    async def commands(self, application_id: int) -> list[Json]:
        found = await self._call(Route("GET", _COMMANDS, webhook_id=application_id))
        return _objects(found)

    async def put_commands(self, application_id: int, commands: Sequence[Mapping[str, Any]]) -> None:
        await self._call(Route("PUT", _COMMANDS, webhook_id=application_id), list(commands))

    async def application(self) -> Json:
        """The bot's application: its key for signatures, and where its interactions go."""
        found = await self._call(Route("GET", _APPLICATION))
        return found if isinstance(found, dict) else {}

    async def set_interactions_url(self, url: str | None) -> None:
        """Where Discord brings interactions; None: over the gateway."""
        await self._call(Route("PATCH", _APPLICATION), {"interactions_endpoint_url": url})

    def _turn(self, what: str, channel_id: int) -> asyncio.Lock:
        """One call at a time of what Discord limits by channel. The library believes what the first answer of
        a window says is left, and forgets the calls under way: several at once draw a 429.
        """
        key = (what, channel_id)
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = asyncio.Lock()
        return turn

    async def _call(self, route: Route, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        if self.client is None:
            raise RemoteUnreachable("The bot is not connected to Discord. Trying again.")
        options: Json = {}
        if body is not None:
            options["json"] = body
        if query is not None:
            options["params"] = query
        try:
            return await self.client.http.request(route, **options)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise translate(error) from error
        except RuntimeError as error:
            # aiohttp's word for a session that was closed under a call.
            raise RemoteUnreachable("The bot is connecting to Discord anew. Trying again.") from error


def _changed(content: str | None, components: Components | None) -> Json:
    body: Json = {}
    if content is not None:
        body = {"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": {"parse": []}}
    if components is not None:
        body["components"] = components
    return body


def _objects(answer: Any) -> list[Json]:
    return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []


def _post(answer: Any) -> Post:
    message_id, content = _nested(answer, "id"), _nested(answer, "content")
    if not isinstance(message_id, str) or not isinstance(content, str):
        raise RemoteUnreachable("Discord gave no usable answer. Trying again.")
    return Post(int(message_id), content, bool(answer.get("components")))


def _nested(answer: Any, *names: str) -> Any:
    for name in names:
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
