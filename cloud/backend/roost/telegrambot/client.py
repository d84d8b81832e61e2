"""python-telegram-bot's Bot, made cheap enough for hundreds in one process, and its errors in our words.

One TLS context for all, small pools of its own for each bot, and nothing taken from the environment.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

import httpx
from telegram import Bot
from telegram._utils.defaultvalue import DEFAULT_NONE
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest, RequestData

from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable
from roost.log import redact
from roost.services.ports import POLLED_ELSEWHERE

CONNECT_TIMEOUT_S = 4.0
ANSWER_TIMEOUT_S = 15.0
POLL_GRACE_S = 5.0
POOL_TIMEOUT_S = 20.0
SENDS_AT_ONCE = 32
KEPT_OPEN_S = 30.0

WEBHOOK_IS_SET = "webhook_is_set"
NO_BOT_API = "no_bot_api"
TOKEN_REFUSED = "token_refused"  # noqa: S105 - the name of a state


class TooManyRequests(TelegramError):
    """Telegram asks to wait. Our own, because the library's RetryAfter warns about itself whenever it is
    made.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"Too many requests; Telegram asks to wait {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class NoBotApi(TelegramError):
    """What answers at the address is not Telegram's Bot API, or not at this path: no word about the token."""

    def __init__(self, status: int) -> None:
        super().__init__(f"No Bot API answers there (HTTP {status})")
        self.status = status


class _Request(HTTPXRequest):
    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = DEFAULT_NONE,
        write_timeout: Any = DEFAULT_NONE,
        connect_timeout: Any = DEFAULT_NONE,
        pool_timeout: Any = DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        status, payload = await super().do_request(
            url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
        )
        if status in (420, 429):
            raise TooManyRequests(_retry_after_s(payload))
        if status == 404 or (status in (401, 403) and not _is_bot_api(payload)):
            # The library takes a 404 for a refused token. Telegram answers 401 for one of the right form.
            raise NoBotApi(status)
        return status, payload


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
        return [update for update in cast(list[Any], fetched) if isinstance(update, dict)]

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
        request=_request(SENDS_AT_ONCE),
        get_updates_request=_request(1),
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
    return isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def _request(pool_size: int) -> _Request:
    return _Request(
        connection_pool_size=pool_size,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=ANSWER_TIMEOUT_S,
        write_timeout=ANSWER_TIMEOUT_S,
        pool_timeout=POOL_TIMEOUT_S,
        httpx_kwargs={
            "verify": _tls_context(),
            "trust_env": False,
            "limits": httpx.Limits(max_connections=pool_size, keepalive_expiry=KEPT_OPEN_S),
        },
    )


@cache
def _tls_context() -> Any:
    return httpx.create_ssl_context(trust_env=False)


def _is_bot_api(payload: bytes) -> bool:
    try:
        return "error_code" in json.loads(payload)
    except (ValueError, TypeError):
        return False


def _retry_after_s(payload: bytes) -> float:
    try:
        return max(0.0, float(json.loads(payload)["parameters"]["retry_after"]))
    except (ValueError, KeyError, TypeError):
        return 1.0
