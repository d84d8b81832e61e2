"""One bot's connection to Discord's gateway: connect, read, resume, for as long as that works.

The loop is ours, not Client.connect: that waits up to a quarter of an hour after an outage, identifies again
without a pause when sessions are refused, and does not resume after a reset of the connection.

Source: https://discord.com/developers/docs/topics/gateway
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import yarl
from discord import ConnectionClosed
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from roost.discordbot.client import DiscordClient
from roost.domain.backoff import Backoff
from roost.errors import RemoteUnreachable, RoostError

log = logging.getLogger("roost.discordbot")

CONNECT_TIMEOUT_S = 20.0
RESUME = Backoff(first_s=0.2, cap_s=4.0)
RESUMES_AT_MOST = 5
SESSION_COUNTS_AFTER_S = 30.0
CLOSE_TIMEOUT_S = 0.5
WAITED_FOR_S = 6.0
DEFAULT_GATEWAY_URL = "wss://gateway.discord.gg"


class IdentifyPacing:
    """Keeps a bot far below its 1,000 IDENTIFY a day: one in `every_s`, ever fewer while they do not last.

    Outlives connections: whoever makes a new one for the same bot brings the same pacing. Lives in the loop.
    """

    WINDOW_S = 3_600.0
    SLOWEST_S = 300.0

    def __init__(self, every_s: float, monotonic_s: Callable[[], float]) -> None:
        self._every_s = every_s
        self._monotonic_s = monotonic_s
        self._at: deque[float] = deque()

    def wait_s(self) -> float:
        """Seconds until the bot may identify; 0 for now."""
        now = self._monotonic_s()
        while self._at and self._at[0] < now - self.WINDOW_S:
            self._at.popleft()
        if not self._at:
            return 0.0
        apart_s = min(self.SLOWEST_S, self._every_s * 2.0 ** max(0, len(self._at) - 4))
        return max(0.0, self._at[-1] + apart_s - now)

    def identified(self) -> None:
        self._at.append(self._monotonic_s())


@dataclass(frozen=True, slots=True)
class _Session:
    """What resuming needs."""

    id: str
    sequence: int | None
    gateway: yarl.URL


class Gateway:
    """`room` returns when more may be read: while it does not, Discord is left waiting."""

    def __init__(
        self,
        client: DiscordClient,
        gateway_url: str,
        pacing: IdentifyPacing,
        room: Callable[[], Awaitable[None]],
        monotonic_s: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._client = client
        self._url = yarl.URL(gateway_url)
        # A proxy of the gateway stands for all of it; Discord itself names a server to resume at.
        self._proxied = gateway_url != DEFAULT_GATEWAY_URL
        self._pacing = pacing
        self._room = room
        self._monotonic_s = monotonic_s
        self._chance = chance

    async def run(self) -> None:
        """Reads for as long as it can go on, for a client that is logged in. What ends it comes out as the
        library's error, or ours.
        """
        session: _Session | None = None
        failures = 0
        while True:
            began_s = self._monotonic_s()
            try:
                await self._read(session)
            except ReconnectWebSocket as request:
                session = self._session() or session if request.resume else None
            except (aiohttp.ClientError, OSError):
                session = self._session() or session
                if session is None or failures >= RESUMES_AT_MOST:
                    raise
            except (ConnectionClosed, RoostError):
                raise
            except Exception as error:  # a frame that the library cannot read - what comes after it can be
                session = self._session() or session
                if session is None or failures >= RESUMES_AT_MOST:
                    raise
                log.debug("What Discord sent cannot be read", exc_info=error)
            finally:
                await self._hang_up()
            lasted = self._monotonic_s() - began_s > SESSION_COUNTS_AFTER_S
            failures = 0 if lasted else failures + 1
            if failures > RESUMES_AT_MOST:
                raise RemoteUnreachable("Discord ends every connection at once. Trying again.")
            if failures > 1:
                await asyncio.sleep(RESUME.delay_s(failures - 1, self._chance()))

    async def _read(self, session: _Session | None) -> None:
        if session is None:
            await self._wait_to_identify()
            connecting = DiscordWebSocket.from_client(self._client, initial=True, gateway=self._url)
        else:
            connecting = DiscordWebSocket.from_client(
                self._client,
                gateway=self._url if self._proxied else session.gateway,
                session=session.id,
                sequence=session.sequence,
                resume=True,
            )
        socket = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
        while True:
            await self._room()
            await socket.poll_event()

    async def _wait_to_identify(self) -> None:
        wait_s = self._pacing.wait_s()
        if wait_s > WAITED_FOR_S:
            raise RemoteUnreachable(
                f"Discord has ended this bot's sessions too often. The next try is in {wait_s:.0f} s.",
                retry_after_s=wait_s,
            )
        await asyncio.sleep(wait_s)

    def _session(self) -> _Session | None:
        socket = self._client.latest_socket
        if socket is None or socket.session_id is None:
            return None
        return _Session(socket.session_id, socket.sequence, socket.gateway)

    async def _hang_up(self) -> None:
        """The socket's own close waits for the other side's, which may be gone."""
        socket = self._client.latest_socket
        if socket is not None:
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
                await asyncio.wait_for(socket.close(), CLOSE_TIMEOUT_S)
