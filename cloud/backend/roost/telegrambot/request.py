"""How python-telegram-bot's Bot reaches Telegram here: by aiohttp, at a third of what the library's costs.

BaseRequest is the library's extension point for that. Each request object has a small pool of its own, all
share one TLS context; nothing is taken from the environment, no redirect is followed, and no error holds the
address, for the token is in it.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any

import aiohttp
from telegram._utils.defaultvalue import DEFAULT_NONE, DefaultValue
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

KEPT_OPEN_S = 30.0
ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
ASKED_TO_WAIT_AT_MOST_S = 86_400.0
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`pool_s` bounds the wait for a free connection, dialling included; `answer_s` each wait for more of an
    answer, and its whole from then on.
    """

    connect_s: float
    answer_s: float
    pool_s: float


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


class NotSent(NetworkError):
    """The request cannot have reached Telegram, so that repeating it is safe."""


class BotRequest(BaseRequest):
    """Lives in the loop that first uses it, and opens no connection before. May be used after `shutdown`."""

    def __init__(self, connections: int, timeouts: Timeouts) -> None:
        self._connections = connections
        self._timeouts = timeouts
        self._default = _client_timeout(timeouts, timeouts.answer_s)
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        return self._timeouts.answer_s

    async def initialize(self) -> None:
        """Nothing: the first request does it."""

    async def shutdown(self) -> None:
        """Closes the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = DEFAULT_NONE,
        write_timeout: Any = DEFAULT_NONE,  # noqa: ARG002 - the library's signature
        connect_timeout: Any = DEFAULT_NONE,  # noqa: ARG002
        pool_timeout: Any = DEFAULT_NONE,  # noqa: ARG002
    ) -> tuple[int, bytes]:
        """The status and the body. Of the timeouts only that for reading can be chosen for one request.

        Raises TelegramError: NotSent, TimedOut or NetworkError when there is no answer, TooManyRequests and
        NoBotApi.
        """
        body = None
        if request_data is not None:
            if request_data.contains_files:
                raise NotImplementedError("this client uploads no files")
            body = request_data.url_encoded_parameters().encode()
        limits = self._default
        if not isinstance(read_timeout, DefaultValue):
            limits = _client_timeout(self._timeouts, read_timeout)
        status, payload = await self._exchange(method, url, body, limits)
        if status in (420, 429):
            raise TooManyRequests(_retry_after_s(payload))
        if status == 404 or (400 <= status < 500 and not _is_bot_api(payload)):
            # The library takes a 404 for a refused token. Telegram answers 401 for one of the right form.
            # What stands in between, a gateway or a hotel's sign-in page, judges no message and no token.
            raise NoBotApi(status)
        return status, payload

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Without the library's word in the log: the whole body and a traceback, with each request."""
        try:
            answer = json.loads(payload.decode(errors="replace"))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or (answer.get("ok") is not False and "result" not in answer):
            raise TelegramError("Invalid server response")
        return answer

    async def _exchange(
        self, method: str, url: str, body: bytes | None, limits: aiohttp.ClientTimeout
    ) -> tuple[int, bytes]:
        """aiohttp's errors are not chained: some of them hold the address."""
        if self._session is None:
            self._session = self._open()
        try:
            async with self._session.request(
                method, url, data=body, timeout=limits, allow_redirects=False
            ) as response:
                return response.status, await _body(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(f"aiohttp.{type(error).__name__}") from None
        except TimeoutError as error:
            raise TimedOut(f"aiohttp.{type(error).__name__}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NetworkError(f"aiohttp.{type(error).__name__}") from None

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, keepalive_timeout=KEPT_OPEN_S, ssl=_tls_context()
            ),
            headers={"User-Agent": self.USER_AGENT, "Content-Type": FORM},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


def _client_timeout(timeouts: Timeouts, answer_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        # An answer that comes in drips must end, too.
        total=None if answer_s is None else timeouts.pool_s + answer_s,
        connect=timeouts.pool_s,
        sock_connect=timeouts.connect_s,
        sock_read=answer_s,
    )


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > ANSWER_LIMIT_BYTES:
            raise aiohttp.ClientPayloadError("the answer does not end")
    return bytes(body)


@cache
def _tls_context() -> ssl.SSLContext:
    """With certifi's authorities, as the library's own client has them: not every image brings some."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _is_bot_api(payload: bytes) -> bool:
    try:
        return "error_code" in json.loads(payload)
    except (ValueError, TypeError, RecursionError):
        return False


def _retry_after_s(payload: bytes) -> float:
    try:
        asked_s = float(json.loads(payload)["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 1.0
    return min(max(0.0, asked_s), ASKED_TO_WAIT_AT_MOST_S)
