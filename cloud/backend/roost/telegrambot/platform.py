"""Asking Telegram who is behind a token."""

from __future__ import annotations

import asyncio

from roost.domain.bots import BotIdentity
from roost.errors import RemoteRejected


class TelegramPlatform:
    """`api_base_url` is without `/bot`. Thread-safe."""

    def __init__(self, api_base_url: str) -> None:
        self._api_base_url = api_base_url

    def identify(self, token: str) -> BotIdentity:
        """Asks getMe. Raises RemoteRejected with Telegram's words for a wrong token, RemoteUnreachable
        otherwise.
        """
        return asyncio.run(self._identify(token))

    async def _identify(self, token: str) -> BotIdentity:
        from telegram.error import InvalidToken, TelegramError

        from roost.telegrambot.client import make_client, translate

        client = make_client(token, self._api_base_url)
        try:
            user = await client.get_me()
        except InvalidToken as error:
            raise RemoteRejected(error.message) from error
        except TelegramError as error:
            raise translate(error) from error
        finally:
            await client.disconnect()
        return BotIdentity(str(user.id), user.full_name, user.username or "")
