"""Sending what is stored for a message or a command, so that a kill at any moment leaves neither silence nor
doubles: every message carries a nonce of its own, and an edit may be repeated.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roost.discordbot.buttons import Components
from roost.discordbot.client import UNKNOWN_MESSAGE, InteractionExpired, PostRefused
from roost.discordbot.events import Incoming
from roost.discordbot.formatting import from_payload
from roost.discordbot.posts import Post, Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.domain.backoff import Backoff
from roost.errors import RemoteError, RemoteRejected, RemoteUnreachable
from roost.services.inbox import Inbox
from roost.services.sends_in_flight import SendsInFlight
from roost.services.until_stored import until_stored
from roost.storage.inbox import InboxEntry, Reply

RETRY = Backoff(first_s=0.5, cap_s=5.0)
CLOSED = frozenset(("403", "10003", "50001", "50007", "50013"))
"""Unknown channel, no access, no messages to this person, no permission."""
CHANNELS_NOTED_AT_MOST = 1_000
NO_BUTTONS: Components = []
"""Takes away those of the message while it grew, which an edit without a word on them leaves."""


@dataclass(slots=True)
class Place:
    """Where an answer goes. `token` is the interaction's, for as long as it is accepted; `message_id` is the
    message that stands for the answer already. `quiet`: only the asker may see it.
    """

    incoming: Incoming
    application_id: int
    token: str | None = None
    message_id: int | None = None
    quiet: bool = False

    @property
    def channel_id(self) -> int:
        return self.incoming.channel_id


class Delivery:
    """One bot's sends. `chance` gives random numbers in 0..1; `refused` is told when the token is."""

    def __init__(
        self,
        bot_id: str,
        posts: Posts,
        inbox: Inbox,
        storage: StorageCalls,
        chance: Callable[[], float],
        note: Callable[[str, str], None],
        refused: Callable[[RemoteRejected], None],
    ) -> None:
        self._bot_id = bot_id
        self._posts = posts
        self._inbox = inbox
        self._storage = storage
        self._chance = chance
        self._note = note
        self._refused = refused
        self._closed_channels: set[int] = set()
        self._in_flight = SendsInFlight()

    async def send_again(self, entry: InboxEntry, place: Place) -> None:
        """Sends what an earlier start stored. What it had begun to send is looked for first: a nonce is
        remembered for minutes only.
        """
        replies = await self._storage.run(self._inbox.replies, self._bot_id, entry.update.update_id)
        begun = [reply for reply in replies if reply.opened and not reply.sent]
        if begun and place.token is None and place.message_id is None:
            there = await self._said_since(place)
            for reply in begun:
                content = from_payload(reply.payload)[0].strip()
                if any(said == content or said.endswith("\n" + content) for said in there):
                    await self._mark(entry.update.update_id, reply, last=reply is replies[-1])
            replies = await self._storage.run(self._inbox.replies, self._bot_id, entry.update.update_id)
        elif place.token is not None and any(reply.part for reply in begun):
            # A follow-up takes no nonce.
            self._inbox.count_ambiguous_send()
        await self.send(entry, place, replies)

    async def send(self, entry: InboxEntry, place: Place, replies: Sequence[Reply]) -> None:
        """Sends every part that is not sent, in order, for as long as it takes.

        Ends early when the channel does not take it (recorded), and when the token is refused (left to be
        sent at the next start).
        """
        update_id = entry.update.update_id
        unsent = [reply for reply in replies if not reply.sent]
        if not unsent:
            await self._storage.run(self._inbox.finish, self._bot_id, update_id)
            return
        for reply in unsent:
            try:
                await self._in_flight.run(
                    self._send_and_mark(update_id, place, reply, last=reply is unsent[-1])
                )
            except RemoteRejected as error:
                self._refused(error)
                return
            except InteractionExpired as error:
                await self._storage.run(self._inbox.drop, self._bot_id, update_id, error.message)
                return
            except PostRefused as error:
                self._note_closed(place.channel_id, error)
                await self._storage.run(self._inbox.drop, self._bot_id, update_id, error.message)
                return

    async def take_back(self, place: Place) -> None:
        """Removes what is shown of an answer for somebody who has had their record deleted."""
        try:
            if place.token is not None:
                await self._posts.delete_original(place.application_id, place.token)
            elif place.message_id is not None:
                await self._posts.delete(place.channel_id, place.message_id)
        except RemoteError as error:
            self._note("debug", f"A half shown answer stays: {error.message}")

    async def finish(self, timeout_s: float) -> None:
        """Lets the sends that are on their way arrive, for so long; after that none goes on."""
        await self._in_flight.finish(timeout_s)

    def nonce(self, update_id: int, part: int) -> str:
        """The same for the same part of the same answer, at every start; Discord takes 25 characters."""
        digest = hashlib.sha256(f"{self._bot_id}/{update_id}/{part}".encode()).digest()
        return base64.urlsafe_b64encode(digest)[:24].decode()

    async def post(self, place: Place, content: str, part: int, components: Components | None = None) -> Post:
        """One message of an answer, wherever it can stand: the interaction's own, the one that grew, or a new
        one. Raises what Posts raises; InteractionExpired where everybody would see what is meant for one.
        """
        if place.token is not None:
            try:
                if part:
                    return await self._posts.follow_up(place.application_id, place.token, content, components)
                post = await self._posts.edit_original(
                    place.application_id, place.token, content, components or NO_BUTTONS
                )
                place.message_id = post.id
                return post
            except InteractionExpired:
                place.token = None
        if place.quiet and not place.incoming.private:
            raise InteractionExpired("Discord takes no answer any more that the asker alone sees.")
        if part == 0 and place.message_id is not None:
            try:
                return await self._posts.edit(
                    place.channel_id, place.message_id, content, components or NO_BUTTONS
                )
            except PostRefused as error:
                if error.code != UNKNOWN_MESSAGE and place.incoming.command is None:
                    raise
                place.message_id = None
        return await self._send_new(place, content, part, components)

    async def _send_new(self, place: Place, content: str, part: int, components: Components | None) -> Post:
        incoming = place.incoming
        answering = incoming.id if part == 0 and incoming.command is None and not incoming.private else None
        pinging = incoming.person_id if part == 0 and incoming.command is not None else None
        addressed = f"<@{pinging}>\n{content}" if pinging is not None and not incoming.private else content
        if len(addressed) > 2000:
            addressed = content
        nonce = self.nonce(incoming.id, part)
        post = await self._posts.send(
            place.channel_id, addressed, nonce, components, answering=answering, pinging=pinging
        )
        if part == 0:
            place.message_id = post.id
        if post.content.strip() != addressed.strip() or post.has_buttons != bool(components):
            # The nonce was known: this is what was shown before a kill, and it has grown since.
            return await self._posts.edit(place.channel_id, post.id, addressed, components or NO_BUTTONS)
        return post

    async def _send_and_mark(self, update_id: int, place: Place, reply: Reply, *, last: bool) -> None:
        if not reply.opened:
            await self._storage.run(self._inbox.open_reply, self._bot_id, update_id, reply.part)
        content, components = from_payload(reply.payload)
        failures = 0
        while True:
            try:
                await self.post(place, content, reply.part, components)
                break
            except RemoteUnreachable as error:
                failures += 1
                if failures == 1:
                    self._note("warning", error.message)
                wait_s = RETRY.delay_s(failures, self._chance())
                await asyncio.sleep(max(wait_s, error.retry_after_s or 0.0))
        await self._mark(update_id, reply, last=last)

    async def _mark(self, update_id: int, reply: Reply, *, last: bool) -> None:
        """What has arrived must not be sent again because storage cannot note it yet."""

        def mark() -> asyncio.Future[None]:
            return asyncio.wrap_future(self._inbox.mark_sent(self._bot_id, update_id, reply.part, last=last))

        await until_stored(mark, self._note, self._chance)

    async def _said_since(self, place: Place) -> list[str]:
        """What bots have said in the channel since the question."""
        try:
            page = await self._posts.history(place.channel_id, place.incoming.id)
        except RemoteError:
            return []
        return [
            str(message.get("content", "")).strip()
            for message in page
            if isinstance(message.get("author"), dict) and message["author"].get("bot")
        ]

    def _note_closed(self, channel_id: int, error: PostRefused) -> None:
        if error.code not in CLOSED:
            self._note("warning", f"A message to channel {channel_id} was refused: {error.message}")
            return
        if channel_id in self._closed_channels:
            return
        if len(self._closed_channels) < CHANNELS_NOTED_AT_MOST:
            self._closed_channels.add(channel_id)
        self._note(
            "warning",
            f"Channel {channel_id} cannot be written to: {error.message} Give the bot the permissions to view"
            " the channel and to send messages there; until then questions in it get no answer.",
        )
