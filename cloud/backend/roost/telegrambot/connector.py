"""Makes connections to Telegram. Importing this costs nothing: the library comes in with the first bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from roost.clock import Clock
from roost.domain.bots import BotCredentials
from roost.services.bot_services import BotServices
from roost.services.ports import BotConnection

if TYPE_CHECKING:
    from roost.telegrambot.webhook import WebhookPace

STORAGE_CALLS_AT_ONCE = 24


class TelegramConnector:
    """`api_base_url` is without `/bot`; `chance` gives random numbers in 0..1.

    `public_url` is where Telegram reaches this installation; None: nowhere. `webhook_pace` None: the usual.
    """

    def __init__(
        self,
        api_base_url: str,
        services: BotServices,
        clock: Clock,
        chance: Callable[[], float],
        public_url: str | None = None,
        webhook_pace: WebhookPace | None = None,
    ) -> None:
        self._api_base_url = api_base_url
        self._services = services
        self._clock = clock
        self._chance = chance
        self._public_url = public_url
        self._webhook_pace = webhook_pace
        self._storage = ThreadPoolExecutor(STORAGE_CALLS_AT_ONCE, thread_name_prefix="bot-storage")

    async def connect(self, credentials: BotCredentials) -> BotConnection:
        # In a thread: importing takes half a second, for which no other bot may be held up.
        await asyncio.to_thread(_import_library)
        from roost.telegrambot.client import make_client
        from roost.telegrambot.connection import TelegramConnection
        from roost.telegrambot.webhook import WebhookPace

        address = None
        if self._public_url is not None:
            address = f"{self._public_url}/webhooks/telegram/{credentials.bot.id}"
        return TelegramConnection(
            credentials,
            make_client(credentials.token, self._api_base_url),
            self._services,
            self._storage,
            self._clock,
            self._chance,
            address,
            self._webhook_pace or WebhookPace(),
        )


def _import_library() -> None:
    import roost.telegrambot.connection  # noqa: F401
