"""python-telegram-bot's Bot, made cheap enough for hundreds in one process, and its errors in our words.

Small pools of its own for each bot (see `request`).
"""

from __future__ import annotations

from typing import Any

from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    TelegramError,
    TimedOut,
)

from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable
from roost.log import redact
from roost.services.ports import POLLED_ELSEWHERE
from roost.telegrambot.request import BotRequest, NoBotApi, NotSent, Timeouts, TooManyRequests

TIMEOUTS = Timeouts(connect_s=4.0, answer_s=15.0, pool_s=24.0)
POLL_GRACE_S = 5.0
SENDS_AT_ONCE = 32

WEBHOOK_IS_SET = "webhook_is_set"
NO_BOT_API = "no_bot_api"
TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a state


class TelegramClient(Bot):
    """A Bot that hands out updates as Telegram sent them: one that the library cannot read must not stop the
    rest.
    """

    async def fetch_updates(
        self, offset: int | None, wait_s: float, allowed: list[str]
    ) -> list[dict[str, Any]]:
        """A long poll. Confirms everything below `offset`. Raises TelegramError."""
        fetched = await self._post(
            "getUpdates",
            {"offset": offset, "timeout": int(wait_s), "limit": 100, "allowed_updates": allowed},
            read_timeout=wait_s + POLL_GRACE_S,
        )
        if not isinstance(fetched, list):
            raise TelegramError("Invalid server response")
        return [update for update in fetched if isinstance(update, dict)]

    async def disconnect(self) -> None:
        """Closes the connections; `shutdown` would do nothing for a bot that never asked who it is."""
        for request in self._request:
            await request.shutdown()


def make_client(token: str, api_base_url: str) -> TelegramClient:
    """`api_base_url` is without `/bot`. Opens no connection; `disconnect` ends what calls opened."""
    return TelegramClient(
        token=token,
        base_url=f"{api_base_url}/bot",
        base_file_url=f"{api_base_url}/file/bot",
        request=BotRequest(SENDS_AT_ONCE, TIMEOUTS),
        get_updates_request=BotRequest(1, TIMEOUTS),
    )


def translate(error: TelegramError) -> RemoteError:
    """The library's errors as ours: RemoteRejected for a refused token alone. The message holds no token."""
    if isinstance(error, InvalidToken):
        return RemoteRejected(
            "Telegram refuses the token. Copy the bot's token again from @BotFather and paste it on the"
            " Model tab.",
            code=TOKEN_REFUSED,
        )
    if isinstance(error, NoBotApi):
        return RemoteUnreachable(
            f"The address of Telegram's Bot API answers with HTTP {error.status}, as if there were none."
            " Check TELEGRAM_API_BASE_URL: it ends before /bot. Trying again.",
            code=NO_BOT_API,
        )
    if isinstance(error, Conflict):
        if "webhook" in error.message.lower():
            return RemoteError("A webhook is set for this bot, so it cannot be polled.", code=WEBHOOK_IS_SET)
        return RemoteError(
            "Somebody else polls Telegram with this token. Stop the other program, or make a new token with"
            " @BotFather and paste it on the Model tab.",
            code=POLLED_ELSEWHERE,
        )
    if isinstance(error, TooManyRequests):
        return RemoteUnreachable(
            f"Telegram asks to wait {error.retry_after_s:g} s.", retry_after_s=error.retry_after_s
        )
    if isinstance(error, Forbidden | BadRequest | ChatMigrated):
        return RemoteUnreachable(redact(f"Telegram refuses: {error.message}. Trying again."))
    if not_sent(error):
        return RemoteUnreachable("Telegram cannot be reached. Trying again.")
    if isinstance(error, TimedOut):
        return RemoteUnreachable("Telegram did not answer in time. Trying again.")
    return RemoteUnreachable("Telegram gave no usable answer. Trying again.")


def not_sent(error: TelegramError) -> bool:
    """True when the request cannot have reached Telegram, so that repeating it is safe."""
    return isinstance(error, NotSent)
