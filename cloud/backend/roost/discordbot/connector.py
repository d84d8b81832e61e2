"""Makes connections to Discord. Importing this costs nothing: the library comes in with the first bot."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from roost.clock import Clock
from roost.domain.bots import BotCredentials
from roost.services.bot_services import BotServices
from roost.services.gateway_inbox import GatewayInbox
from roost.services.ports import BotConnection

if TYPE_CHECKING:
    from roost.discordbot.gateway import IdentifyPacing

STORAGE_CALLS_AT_ONCE = 24
IDENTIFY_EVERY_S = 5.0
"""Discord takes one IDENTIFY of a bot in five seconds."""
_importing = threading.Lock()


class DiscordConnector:
    """`api_base_url` ends in the version, `gateway_url` has no query; `chance` gives random numbers in 0..1.

    `heartbeat_timeout_s` is how long a gateway may say nothing; None: the library's own minute. `public_url`
    is where Discord reaches this installation; None: nowhere.
    """

    def __init__(
        self,
        api_base_url: str,
        gateway_url: str,
        services: BotServices,
        gateway_inbox: GatewayInbox,
        clock: Clock,
        chance: Callable[[], float],
        *,
        identify_every_s: float = IDENTIFY_EVERY_S,
        heartbeat_timeout_s: float | None = None,
        public_url: str | None = None,
    ) -> None:
        self._api_base_url = api_base_url
        self._gateway_url = gateway_url
        self._services = services
        self._gateway_inbox = gateway_inbox
        self._clock = clock
        self._chance = chance
        self._identify_every_s = identify_every_s
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._public_url = public_url
        self._pacings: dict[str, IdentifyPacing] = {}
        self._storage = ThreadPoolExecutor(STORAGE_CALLS_AT_ONCE, thread_name_prefix="bot-storage")

    async def connect(self, credentials: BotCredentials) -> BotConnection:
        # In a thread: importing takes half a second, for which no other bot may be held up.
        await asyncio.to_thread(_import_library)
        from roost.discordbot.client import HEARTBEAT_TIMEOUT_S
        from roost.discordbot.connection import DiscordConnection
        from roost.discordbot.gateway import IdentifyPacing
        from roost.discordbot.sessions import DiscordAddress
        from roost.discordbot.storage_calls import StorageCalls

        bot_id = credentials.bot.id
        if bot_id not in self._pacings:
            self._pacings[bot_id] = IdentifyPacing(self._identify_every_s, self._clock.monotonic_s)
        return DiscordConnection(
            credentials,
            DiscordAddress(
                self._api_base_url,
                self._gateway_url,
                self._heartbeat_timeout_s or HEARTBEAT_TIMEOUT_S,
                f"{self._public_url}/webhooks/discord/{bot_id}" if self._public_url else None,
            ),
            self._pacings[bot_id],
            self._services,
            self._gateway_inbox,
            StorageCalls(self._storage),
            self._clock,
            self._chance,
        )


def _import_library() -> None:
    # One thread at a time: the library's modules import each other in circles.
    with _importing:
        import roost.discordbot.connection  # noqa: F401
