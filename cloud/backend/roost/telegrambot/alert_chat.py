"""Alerts into a Telegram chat, by a running bot of the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from roost.domain.alerts import Alert
from roost.domain.bots import BotCredentials
from roost.errors import RemoteRejected, RemoteUnreachable


class AlertChat:
    """Implements services.ports.AlertChannel. `chat` is a number or @channel; `bots` those that may speak.

    A client of its own for each alert: none of the bots' loop, which may be what is in trouble.
    """

    name = "Telegram"

    def __init__(self, api_base_url: str, chat: str, bots: Callable[[], Sequence[BotCredentials]]) -> None:
        self._api_base_url = api_base_url
        self._chat: int | str = chat if chat.startswith("@") else int(chat)
        self._bots = bots

    def deliver(self, alert: Alert) -> None:
        """See ports.AlertChannel. The bots are tried in turn: not each of them knows the chat."""
        asyncio.run(self._deliver(f"Roost: {alert.text}"))

    async def _deliver(self, text: str) -> None:
        from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

        from roost.telegrambot.client import make_client, translate

        refusal: Exception | None = None
        for credentials in self._bots():
            client = make_client(credentials.token, self._api_base_url)
            try:
                await client.send_message(self._chat, text)
            except (BadRequest, Forbidden, InvalidToken) as error:
                refusal = error
            except TelegramError as error:
                raise translate(error) from error
            else:
                return
            finally:
                await client.disconnect()
        if refusal is not None:
            raise RemoteRejected(
                "No running bot of an owner may write to ALERT_TELEGRAM_CHAT. Send /start to one of them from"
                " there, or add it to the group."
            ) from refusal
        raise RemoteUnreachable("No Telegram bot of an owner is running, so none can write the alert.")
