"""Telegram bringing a bot's updates to Roost, and what Telegram says of how that goes.

What cannot be brought is polled: a webhook that fails costs time, never an update.

Source: https://core.telegram.org/bots/api#setwebhook, #getwebhookinfo
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from telegram import WebhookInfo
from telegram.error import InvalidToken, TelegramError

from roost.domain.backoff import Backoff
from roost.errors import InvalidInput
from roost.log import redact
from roost.services.ports import Delivery
from roost.telegrambot.client import TelegramClient, translate
from roost.telegrambot.updates import ALLOWED_UPDATES, update_id_of

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
POLL_AT_MOST_S = 60
CONNECTIONS_AT_MOST = 8
"""Of Roost's threads: one person's busy bot must leave some to everybody else."""
NO_ADDRESS = (
    "PUBLIC_URL is not set, so Telegram cannot bring updates. Running by polling. Set PUBLIC_URL and restart"
    " Roost, or choose polling."
)
REPLACED = "Another program has changed this bot's webhook; give that one a token of its own."


@dataclass(frozen=True, slots=True)
class WebhookPace:
    """How often Telegram is asked how its deliveries go, and when one that failed is tried again."""

    check_every_s: float = 25.0
    again: Backoff = Backoff(first_s=60.0, cap_s=1_800.0)  # noqa: RUF009 - frozen


class TelegramWebhook:
    """Implements services.ports.WebhookReceiver. Lives in the loop of all bots; `vouches_for` anywhere.

    `address` is where Telegram is to bring the updates, None where nobody can be reached; `take` stores
    updates and begins to handle them. `trouble` says, for people, why Roost polls instead.
    """

    def __init__(
        self,
        client: TelegramClient,
        address: str | None,
        secret: str,
        take: Callable[[list[dict[str, Any]]], Awaitable[None]],
        note: Callable[[str, str], None],
        monotonic_s: Callable[[], float],
        chance: Callable[[], float],
        pace: WebhookPace,
    ) -> None:
        self._client = client
        self._address = address
        self._secret = secret.encode()
        self._take = take
        self._note = note
        self._monotonic_s = monotonic_s
        self._chance = chance
        self._pace = pace
        self._set = False
        self._failures = 0
        self._again_at_s = 0.0
        self._known_error_at: datetime | None = None
        self.trouble: str | None = None

    def vouches_for(self, delivery: Delivery) -> bool:
        """Before anything is read of the body."""
        shown = delivery.header(SECRET_HEADER) or ""
        return hmac.compare_digest(shown.encode(errors="replace"), self._secret)

    async def receive(self, body: bytes) -> Mapping[str, object]:
        """See ports.WebhookReceiver. What Telegram should not have sent is refused, and stays with it."""
        await self._take([_read(body)])
        return {}

    async def unset(self) -> None:
        with contextlib.suppress(TelegramError):
            await self._client.delete_webhook(drop_pending_updates=False)

    async def watch(self, wait_s: float) -> bool:
        """True when Telegram brings the updates, and did so for as long as `wait_s`; False: poll, for now.

        Raises RemoteRejected for a refused token, RemoteUnreachable when Telegram cannot say how it goes.
        """
        if self._address is None:
            self.trouble = NO_ADDRESS
            return False
        if not self._set:
            return self._monotonic_s() >= self._again_at_s and await self._begin(self._address)
        await asyncio.sleep(min(wait_s, self._pace.check_every_s))
        info = await self._ask()
        if info.url != self._address:
            self._give_up(REPLACED)
        elif info.last_error_date not in (None, self._known_error_at) and info.pending_update_count:
            self._give_up(f"Telegram cannot bring updates to {self._address}: {_worded(info)}.")
            await self.unset()
        else:
            # An error with nothing left waiting is one that a later delivery made good.
            self._known_error_at = info.last_error_date
            self._failures = 0
        return self._set

    @property
    def again_in_s(self) -> int:
        """Whole seconds for which to poll, until the webhook is tried again."""
        if self._address is None:
            return POLL_AT_MOST_S
        return min(POLL_AT_MOST_S, max(0, math.ceil(self._again_at_s - self._monotonic_s())))

    async def _begin(self, address: str) -> bool:
        try:
            await self._client.set_webhook(
                address,
                secret_token=self._secret.decode(),
                allowed_updates=ALLOWED_UPDATES,
                max_connections=CONNECTIONS_AT_MOST,
                drop_pending_updates=False,
            )
            # What went wrong before is no word about now.
            self._known_error_at = (await self._client.get_webhook_info()).last_error_date
        except InvalidToken as error:
            raise translate(error) from error
        except TelegramError as error:
            self._give_up(translate(error).message.removesuffix(" Trying again."))
            return False
        self._set = True
        if self.trouble is not None:
            self._note("info", "Telegram brings the updates again.")
        self.trouble = None
        return True

    async def _ask(self) -> WebhookInfo:
        try:
            return await self._client.get_webhook_info()
        except TelegramError as error:
            raise translate(error) from error

    def _give_up(self, cause: str) -> None:
        """Until the wait is over; each failure in a row makes it longer."""
        self._set = False
        self._failures += 1
        wait_s = self._pace.again.delay_s(self._failures, self._chance())
        self._again_at_s = self._monotonic_s() + wait_s
        self.trouble = f"{cause} Running by polling; the webhook is tried again in {_duration(wait_s)}."


def _read(body: bytes) -> dict[str, Any]:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not an update of Telegram's: it is no JSON.") from error
    if not isinstance(update, dict) or update_id_of(update) is None:
        raise InvalidInput("The body is not an update of Telegram's: it has no update_id.")
    return update


def _worded(info: WebhookInfo) -> str:
    return redact((info.last_error_message or "it does not say why")[:200]).rstrip(".")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
