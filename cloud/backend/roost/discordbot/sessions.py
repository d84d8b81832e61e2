"""One bot's clients, one after another: logged in, read from, and let go when Discord ends the reading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from roost.clock import Clock
from roost.discordbot.arrivals import Arrivals
from roost.discordbot.client import DiscordClient, translate
from roost.discordbot.gateway import Gateway, IdentifyPacing
from roost.discordbot.posts import Posts
from roost.domain.bots import BotCredentials
from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable

log = logging.getLogger("roost.discordbot")

READY_WITHIN_S = 30.0
CLOSE_WITHIN_S = 0.4


@dataclass(frozen=True, slots=True)
class DiscordAddress:
    """Where Discord is; `heartbeat_timeout_s` is how long a gateway may say nothing.

    `interactions_url` is where Discord could bring this bot's slash commands; None: nowhere.
    """

    api_base_url: str
    gateway_url: str
    heartbeat_timeout_s: float
    interactions_url: str | None = None


class Sessions:
    """`posts` speaks through the client of the moment, from its login until it is let go."""

    def __init__(
        self,
        bot_id: str,
        address: DiscordAddress,
        pacing: IdentifyPacing,
        arrivals: Arrivals,
        posts: Posts,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._bot_id = bot_id
        self._address = address
        self._pacing = pacing
        self._arrivals = arrivals
        self._posts = posts
        self._clock = clock
        self._chance = chance
        self._client: DiscordClient | None = None
        self._reading: asyncio.Task[None] | None = None
        self._refusal: RemoteRejected | None = None

    @property
    def begun(self) -> bool:
        return self._reading is not None

    async def begin(self, credentials: BotCredentials) -> None:
        """Returns once Discord has sent READY. Raises RemoteError."""
        client = self._client = DiscordClient(
            self._address.api_base_url,
            self._arrivals,
            self._pacing.identified,
            self._address.heartbeat_timeout_s,
        )
        self._arrivals.ready.clear()
        reading = self._reading = asyncio.ensure_future(self._read(client, credentials.token))
        ready = asyncio.ensure_future(self._arrivals.ready.wait())
        try:
            await asyncio.wait({reading, ready}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._arrivals.ready.is_set():
            await self._end()
            raise self._trouble(reading, credentials)

    async def watch(self, credentials: BotCredentials, timeout_s: float) -> None:
        """Waits for so long, or until the session is over. Raises RemoteError with what ended it."""
        reading = self._reading
        if reading is None:
            return
        await asyncio.wait({reading}, timeout=timeout_s)
        if self._refusal is not None:
            await self._end()
            raise self._refusal
        if reading.done():
            await self._end()
            raise self._trouble(reading, credentials)

    def token_refused(self, error: RemoteRejected) -> None:
        """A send found out before the gateway did: who watches is told."""
        self._refusal = error
        if self._reading is not None:
            self._reading.cancel()

    async def hang_up(self) -> None:
        """Reads nothing more; the client can still send."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading}, timeout=CLOSE_WITHIN_S)

    async def close(self) -> None:
        self._posts.client = None
        if self._client is not None:
            # Cancelled in between, the library's closing could not be waited for again.
            await asyncio.shield(self._client.close())

    async def _read(self, client: DiscordClient, token: str) -> None:
        await client.login(token)
        # Only now: before its login a client has nothing to send with.
        self._posts.client = client
        await Gateway(
            client,
            self._address.gateway_url,
            self._pacing,
            self._arrivals.room,
            self._clock.monotonic_s,
            self._chance,
        ).run()

    async def _end(self) -> None:
        await self.hang_up()
        self._reading = None
        await self.close()
        self._client = None

    def _trouble(self, reading: asyncio.Task[None], credentials: BotCredentials) -> RemoteError:
        """Why the reading ended."""
        error = None if reading.cancelled() or not reading.done() else reading.exception()
        if not isinstance(error, Exception):
            return RemoteUnreachable("Discord did not get ready in time. Trying again.")
        trouble = translate(error, credentials.bot.platform_bot_id)
        if not isinstance(error, RemoteError | OSError) and trouble.code == RemoteUnreachable.default_code:
            log.warning("A gateway ended: %s", type(error).__name__, extra={"bot_id": self._bot_id})
            log.debug("What ended it", exc_info=error)
        trouble.__cause__ = error
        return trouble
