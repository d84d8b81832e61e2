"""Discord bringing a bot's slash commands and presses to Roost. Messages come over the gateway in any case.

What Discord does not bring comes over the gateway too: so where it refuses the address, nothing is lost.

Source: https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from roost.clock import Clock
from roost.discordbot.client import DiscordClient
from roost.discordbot.posts import EPHEMERAL, Posts
from roost.domain import chat_wording
from roost.domain.backoff import Backoff
from roost.errors import InvalidInput, RemoteError, RemoteRejected
from roost.services.ports import Delivery

SIGNATURE_HEADER, TIMESTAMP_HEADER = "X-Signature-Ed25519", "X-Signature-Timestamp"
TOO_OLD_S = 300.0
SIGNED_AT_MOST_BYTES = 256 * 1024
"""Discord's own are a tenth of that, and checking a signature over more is costly."""
PING, PONG, MESSAGE = 1, 1, 4
CHECK_EVERY_S = 600.0
"""Discord takes an address away that once answers wrongly, and tells nobody."""
AGAIN = Backoff(first_s=60.0, cap_s=1_800.0)
ELSEWHERE = (
    "Discord brings this bot's slash commands and presses of buttons to another program, at {}. In Discord's"
    " developer portal open the application's General Information page and empty Interactions Endpoint URL,"
    " or choose webhook for the bot here. Roost notices by itself."
)
NO_ADDRESS = (
    "PUBLIC_URL is not set, so Discord cannot bring slash commands; they come over the gateway. Set"
    " PUBLIC_URL and restart Roost, or choose polling."
)


class DiscordInteractions:
    """Implements services.ports.WebhookReceiver. Lives in the loop of all bots; `vouches_for` anywhere.

    `address` is where Discord is to bring interactions, None where nobody can be reached. `take` stores one
    and returns what to answer, None for one that is neither. `trouble` says, for people, why they
    come over the gateway.
    """

    def __init__(
        self,
        posts: Posts,
        address: str | None,
        take: Callable[[dict[str, Any]], Awaitable[Mapping[str, object] | None]],
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._posts = posts
        self._address = address
        self._take = take
        self._clock = clock
        self._chance = chance
        self._key: Ed25519PublicKey | None = None
        self._failures = 0
        self._look_at_s = 0.0
        self.trouble: str | None = None

    def vouches_for(self, delivery: Delivery) -> bool:
        """Signed by the application's key over the timestamp and the body, and no older than five minutes."""
        key, sent_at = self._key, delivery.header(TIMESTAMP_HEADER) or ""
        if key is None or not sent_at.isascii() or not sent_at.isdecimal() or len(sent_at) > 12:
            return False
        if abs(self._clock.now().timestamp() - int(sent_at)) > TOO_OLD_S:
            return False
        try:
            signature = bytes.fromhex(delivery.header(SIGNATURE_HEADER) or "")
            body = delivery.body()
            if len(body) > SIGNED_AT_MOST_BYTES:
                return False
            key.verify(signature, sent_at.encode() + body)
        except (ValueError, InvalidSignature):
            return False
        return True

    async def receive(self, body: bytes) -> Mapping[str, object]:
        """See ports.WebhookReceiver. What is stored is deferred at once."""
        interaction = _read(body)
        if interaction.get("type") == PING:
            return {"type": PONG}
        answer = await self._take(interaction)
        if answer is None:
            return {"type": MESSAGE, "data": {"content": chat_wording.UNKNOWN_COMMAND, "flags": EPHEMERAL}}
        return answer

    async def unset(self) -> None:
        with contextlib.suppress(RemoteError):
            await self._posts.set_interactions_url(None)

    async def watch(self) -> None:
        """Sees now and then that Discord knows the address. Raises RemoteRejected for a refused token."""
        if self._address is None:
            self.trouble = NO_ADDRESS
            return
        if self._clock.monotonic_s() < self._look_at_s:
            return
        try:
            application = await self._posts.application()
            self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(application.get("verify_key"))))
            if application.get("interactions_endpoint_url") != self._address:
                # Discord tries the address before it answers: a ping, and one with a wrong signature.
                await self._posts.set_interactions_url(self._address)
        except RemoteRejected:
            raise
        except (RemoteError, ValueError) as error:
            self._failures += 1
            wait_s = AGAIN.delay_s(self._failures, self._chance())
            cause = error.message if isinstance(error, RemoteError) else "Discord gave no usable key."
            self.trouble = (
                f"{cause.removesuffix(' Trying again.')} Discord does not bring slash commands to"
                f" {self._address}; they come over the gateway. Tried again in {wait_s / 60:.0f} min."
            )
            self._look_at_s = self._clock.monotonic_s() + wait_s
        else:
            self._failures, self.trouble = 0, None
            self._look_at_s = self._clock.monotonic_s() + CHECK_EVERY_S


class GatewayInteractions:
    """For a bot whose interactions come over the gateway: they do so only while Discord has no address to
    bring them to, such as one that an unfinished change of the transport, or another program, left there.
    """

    def __init__(self, posts: Posts, bot_id: str) -> None:
        self._posts = posts
        self._own_path = f"/webhooks/discord/{bot_id}"
        self._seen: DiscordClient | None = None
        self._trouble: str | None = None

    async def watch(self) -> str | None:
        """Why they do not come, for people; None while they do. Raises RemoteRejected for a refused token."""
        client = self._posts.client
        if client is None or (client is self._seen and self._trouble is None):
            return self._trouble
        try:
            url = client.interactions_url if client is not self._seen else await self._address()
            if url is not None and url.endswith(self._own_path):
                await self._posts.set_interactions_url(None)
                url = None
        except RemoteRejected:
            raise
        except RemoteError as error:
            cause = error.message.removesuffix(" Trying again.")
            self._trouble = f"{cause} Slash commands and presses of buttons do not come over the gateway yet."
        else:
            self._trouble = None if url is None else ELSEWHERE.format(urlsplit(url).hostname)
        self._seen = client
        return self._trouble

    async def _address(self) -> str | None:
        url = (await self._posts.application()).get("interactions_endpoint_url")
        return url if isinstance(url, str) and url else None


def _read(body: bytes) -> dict[str, Any]:
    try:
        interaction = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not an interaction of Discord's: it is no JSON.") from error
    if not isinstance(interaction, dict):
        raise InvalidInput("The body is not an interaction of Discord's: it is no object.")
    return interaction
