"""discord.py's Client, made cheap enough for hundreds in one process, and its errors in our words.

What a base address changes is set on objects of ours: `Route.BASE` and `DiscordWebSocket.DEFAULT_GATEWAY` are
class attributes, shared by everything in the process, and stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import aiohttp
import discord
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route
from discord.state import ConnectionState

from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable
from roost.log import redact

log = logging.getLogger("roost.discordbot")

REQUEST_TIMEOUT_S = 60.0
"""Above what the library itself waits when Discord's servers fail: 1, 3, 5, 7 and 9 seconds."""
LONGEST_RATE_LIMIT_S = 30.0
HEARTBEAT_TIMEOUT_S = 60.0
"""Above Discord's heartbeat of 41 seconds: an idle gateway sends nothing but what answers it."""
BANNED_FOR_S = 60.0

TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a state
INTERACTION_EXPIRED = "interaction_expired"
ALREADY_ACKNOWLEDGED = "40060"
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE = "10003", "10008"
_EXPIRED = frozenset((10015, 10062, 50027))
_READY = "READY"
_PARSED = frozenset(
    (
        _READY,
        "MESSAGE_CREATE",
        "INTERACTION_CREATE",
        *("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_MEMBER_UPDATE"),
        *("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"),
        *("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"),
        *("THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC"),
    )
)
"""What is said, and where the bot may read and write; everything else that Discord tells goes by unread."""


class GatewayListener(Protocol):
    """What is told of a gateway's events, in the library's loop and in its order. Must not raise or block."""

    def on_ready(self, user_id: int, guild_ids: frozenset[int]) -> None: ...

    def on_guild(self, guild: dict[str, Any]) -> None: ...

    def on_message(self, message: dict[str, Any]) -> None: ...

    def on_interaction(self, interaction: dict[str, Any]) -> None: ...

    def on_unreadable(self, event: str) -> None:
        """An event of that name is passed over: the library cannot read it."""


class PostRefused(RemoteError):
    """Discord will not have this message there, ever: `code` is its own number."""

    default_code = "post_refused"


class InteractionExpired(RemoteError):
    """The interaction can no longer be answered through its token."""

    default_code = INTERACTION_EXPIRED


class _Http(HTTPClient):
    def __init__(self, *args: Any, api_base_url: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._api_base_url = api_base_url

    async def request(self, route: Route, **options: Any) -> Any:
        route.url = self._api_base_url + route.url.removeprefix(Route.BASE)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            return await super().request(route, **options)


class _State(ConnectionState[Any]):
    """Hands messages and interactions on as Discord sent them: they are stored before anything reads them."""

    def __init__(self, *, listener: GatewayListener, **options: Any) -> None:
        self._listener = listener
        self.latest_socket: DiscordWebSocket | None = None
        super().__init__(**options)
        self.parsers = {
            event: self.parsers[event] if event == _READY else partial(self._parse, event)
            for event in _PARSED
        }

    def _parse(self, event: str, data: Any) -> None:
        """One server that is not as the library expects must not cost the bot its connection."""
        try:
            getattr(self, f"parse_{event.lower()}")(data)
        except Exception as error:  # what Discord sends is not ours - the next event must be read
            log.debug("A %s was passed over", event, exc_info=error)
            self._listener.on_unreadable(event)

    def _update_references(self, ws: DiscordWebSocket) -> None:
        super()._update_references(ws)
        self.latest_socket = ws

    async def _delay_ready(self) -> None:
        """Here the library waits for every server before it calls itself ready; nobody waits for that."""
        with contextlib.suppress(AttributeError):
            del self._ready_state

    def parse_ready(self, data: Any) -> None:
        try:
            super().parse_ready(data)
            own_id, guild_ids = int(data["user"]["id"]), frozenset(int(each["id"]) for each in data["guilds"])
        except Exception:  # raised on - a session of which nothing is known is not one to go on with
            if self.latest_socket is not None:
                self.latest_socket.session_id = None
            raise
        self._listener.on_ready(own_id, guild_ids)

    def parse_guild_create(self, data: Any) -> None:
        super().parse_guild_create(data)
        self._listener.on_guild(data)

    def parse_message_create(self, data: Any) -> None:
        self._listener.on_message(data)

    def parse_interaction_create(self, data: Any) -> None:
        self._listener.on_interaction(data)


class DiscordClient(discord.Client):
    """One bot. Asks for no privileged intent: private messages and mentions carry their text without it."""

    def __init__(
        self,
        api_base_url: str,
        listener: GatewayListener,
        identifying: Callable[[], None],
        heartbeat_timeout_s: float = HEARTBEAT_TIMEOUT_S,
    ) -> None:
        """`identifying` is told right before a new session is asked for."""
        self._api_base_url = api_base_url
        self._listener = listener
        self._identifying = identifying
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            heartbeat_timeout=heartbeat_timeout_s,
        )

    @property
    def latest_socket(self) -> DiscordWebSocket | None:
        """The gateway's socket since it began to connect, open or not."""
        state = self._connection
        return state.latest_socket if isinstance(state, _State) else None

    @property
    def interactions_url(self) -> str | None:
        """Where Discord brought interactions at the login; None: over the gateway."""
        return self.application.interactions_endpoint_url if self.application is not None else None

    def may_read(self, channel_id: int) -> bool:
        """False when a server's channel is closed to the bot, as far as the library knows."""
        channel = self.get_channel(channel_id)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return True
        try:
            allowed = channel.permissions_for(channel.guild.me)
        except (discord.ClientException, AttributeError):
            # Of a server that is not known whole, only asking tells.
            return True
        return allowed.view_channel and allowed.read_message_history

    def parent_of(self, channel_id: int) -> int | None:
        """The channel that a thread belongs to; None when it is no thread, or unknown."""
        channel = self.get_channel(channel_id)
        return channel.parent_id if isinstance(channel, discord.Thread) else None

    async def before_identify_hook(self, *_: object, **__: object) -> None:
        self._identifying()

    def _get_state(self, **options: Any) -> Any:
        self.http = _Http(
            self.loop, api_base_url=self._api_base_url, max_ratelimit_timeout=LONGEST_RATE_LIMIT_S
        )
        return _State(
            listener=self._listener,
            dispatch=self.dispatch,
            handlers=self._handlers,
            hooks=self._hooks,
            http=self.http,
            **options,
        )


def translate(error: Exception, application_id: str = "") -> RemoteError:
    """The library's errors as ours: RemoteRejected for what only a person can mend. Holds no token."""
    match error:
        case RemoteError():
            return error
        case discord.LoginFailure(__cause__=discord.HTTPException() as refusal):
            return _answered(refusal)
        case discord.LoginFailure():
            return _token_refused()
        case discord.PrivilegedIntentsRequired():
            return _intents_refused(application_id)
        case discord.ConnectionClosed():
            return _closed(error.code, application_id)
        case discord.RateLimited():
            return RemoteUnreachable(
                f"Discord asks to wait {error.retry_after:.0f} s.", retry_after_s=error.retry_after
            )
        case discord.HTTPException():
            return _answered(error)
        case TimeoutError():
            return RemoteUnreachable("Discord did not answer in time. Trying again.")
        case aiohttp.ClientError() | OSError():
            return RemoteUnreachable("Discord cannot be reached. Trying again.")
        case _:
            return RemoteUnreachable("Discord sent something that cannot be read. Connecting again.")


def _token_refused() -> RemoteRejected:
    return RemoteRejected(
        "Discord refuses the token. In Discord's developer portal open the application's Bot page, choose"
        " Reset Token, and paste the new one here.",
        code=TOKEN_REFUSED,
    )


def _intents_refused(application_id: str) -> RemoteRejected:
    return RemoteRejected(
        "Discord refuses the intents this bot asks for (4014), though Roost asks for none that has to be"
        f" switched on. Open https://discord.com/developers/applications/{application_id}/bot, see whether"
        " Discord says there that the application is limited, and start the bot again. If it is refused"
        " again, update Roost.",
        code="intents_refused",
    )


def _closed(code: int, application_id: str) -> RemoteError:
    """Source: https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway"""
    match code:
        case 4004:
            return _token_refused()
        case 4014:
            return _intents_refused(application_id)
        case 4010 | 4011:
            return RemoteRejected(
                f"Discord says that this bot is in too many servers for one connection ({code}). Roost does"
                " not split a bot into shards: take it out of some servers and start it again.",
                code=f"closed_{code}",
            )
        case 4012 | 4013:
            return RemoteRejected(
                f"Discord refuses how Roost connects ({code}). Update Roost, then start the bot again.",
                code=f"closed_{code}",
            )
        case _:
            return RemoteUnreachable(f"Discord closed the connection ({code}). Trying again.")


def _answered(error: discord.HTTPException) -> RemoteError:
    words = redact(error.text or f"status {error.status}")[:200]
    if error.code in _EXPIRED:
        return InteractionExpired(f"The interaction can no longer be answered: {words}.")
    if error.status == 401:
        if error.response.headers.get("Content-Type", "").startswith("application/json"):
            return _token_refused()
        # A gateway's or a proxy's page in between says nothing about the token.
        return RemoteUnreachable("What answers in Discord's place is not Discord (401). Trying again.")
    if error.status == 429:
        # Without the header that names Discord's own proxy it is the address that is banned, for all bots.
        asked_s = error.response.headers.get("Retry-After", "")
        return RemoteUnreachable(
            "Discord turns this machine's address away for now (429). Waiting.",
            retry_after_s=float(asked_s) if asked_s.replace(".", "", 1).isdecimal() else BANNED_FOR_S,
        )
    if 400 <= error.status < 500:
        return PostRefused(f"Discord refuses: {words}.", code=str(error.code or error.status))
    return RemoteUnreachable(f"Discord is in trouble itself ({error.status}). Trying again.")
