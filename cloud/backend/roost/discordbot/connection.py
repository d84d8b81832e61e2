"""One bot on Discord: its sessions, what arrives through them, and what is done with that."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from roost.clock import Clock
from roost.discordbot.arrivals import Arrivals
from roost.discordbot.chats import Chats
from roost.discordbot.commands import offer_commands
from roost.discordbot.delivery import Delivery
from roost.discordbot.events import Press, read_stored
from roost.discordbot.gateway import IdentifyPacing
from roost.discordbot.interactions import DiscordInteractions, GatewayInteractions
from roost.discordbot.posts import Posts
from roost.discordbot.presses import Presses
from roost.discordbot.sessions import DiscordAddress, Sessions
from roost.discordbot.storage_calls import StorageCalls
from roost.domain.bots import BotCredentials, Transport
from roost.errors import RemoteError, RemoteRejected, RoostError
from roost.services.answer_stops import AnswerStops
from roost.services.bot_services import BotServices
from roost.services.chat_queues import ChatQueues
from roost.services.gateway_inbox import GatewayInbox
from roost.services.ports import WebhookReceiver
from roost.storage.inbox import InboxEntry

STOP_WITHIN_S = 0.4
LAST_SENDS_S = 0.8


class DiscordConnection:
    """Implements services.ports.BotConnection. Lives in the loop of all bots; answers are made in threads.

    Messages of one conversation are handled one after another, those of different ones side by side.
    """

    def __init__(
        self,
        credentials: BotCredentials,
        address: DiscordAddress,
        pacing: IdentifyPacing,
        services: BotServices,
        gateway_inbox: GatewayInbox,
        storage: StorageCalls,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._bot_id = credentials.bot.id
        self._services = services
        self._inbox = services.inbox
        self._gateway_inbox = gateway_inbox
        self._storage = storage
        self._posts = posts = Posts()
        self._closed = threading.Event()
        self._queues = ChatQueues(self._handle, self._recall, self._note, chance)
        self._delivery = Delivery(
            self._bot_id, posts, services.inbox, storage, chance, self._note, self._token_refused
        )
        stops = AnswerStops(self._bot_id, services.inbox)
        self._chats = Chats(
            credentials,
            posts,
            services,
            self._delivery,
            storage,
            clock.monotonic_s,
            self._closed,
            stops,
            self._queues.spawn,
            self._note,
        )
        self._arrivals = Arrivals(
            self._bot_id,
            gateway_inbox,
            services.inbox,
            storage,
            posts,
            self._queues,
            self._chats.is_quiet,
            self._messages_arrived,
            self._note,
            clock,
            chance,
            credentials.bot.desired_since,
        )
        self._sessions = Sessions(self._bot_id, address, pacing, self._arrivals, posts, clock, chance)
        self._by_gateway = GatewayInteractions(posts, self._bot_id)
        self._interactions: DiscordInteractions | None = None
        if credentials.bot.transport == Transport.WEBHOOK:
            self._interactions = DiscordInteractions(
                posts, address.interactions_url, self._arrivals.take_brought, clock, chance
            )
        application_id = int(credentials.bot.platform_bot_id)
        self._presses = Presses(self._bot_id, application_id, services, storage, posts, stops)
        self._commands_offered = False
        self._unfinished: list[InboxEntry] = []

    async def open(self) -> None:
        """Takes up what earlier starts left undone."""
        await self._storage.run(self._gateway_inbox.forget_expired)
        self._unfinished = await self._storage.run(self._inbox.take_up, self._bot_id)
        if self._unfinished:
            self._note("info", f"Taking up {len(self._unfinished)} message(s) left from before.")
        self._arrivals.start()

    async def poll(self, wait_s: float) -> str | None:
        """Sees that the gateway is being read, for so long. The reading itself never stops in between."""
        if not self._sessions.begun:
            await self._sessions.begin(self._credentials)
            self._take_up()
        await self._sessions.watch(self._credentials, wait_s)
        await self._arrivals.remember_seen()
        if self._interactions is None:
            return await self._by_gateway.watch()
        await self._interactions.watch()
        return self._interactions.trouble

    @property
    def receiver(self) -> WebhookReceiver | None:
        return self._interactions

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials
        self._chats.reconfigure(credentials)

    async def close(self) -> None:
        self._closed.set()
        await self._sessions.hang_up()
        await asyncio.gather(self._queues.close(STOP_WITHIN_S), self._arrivals.close(STOP_WITHIN_S))
        await self._delivery.finish(LAST_SENDS_S)
        await self._sessions.close()
        try:
            await self._arrivals.remember_seen()
        except RoostError as error:
            self._note("debug", f"What was seen last is not stored: {error.message}")

    def _take_up(self) -> None:
        for entry in self._unfinished:
            self._queues.put(entry)
        self._unfinished = []
        if not self._commands_offered:
            self._commands_offered = True
            self._queues.spawn(self._offer_commands())

    async def _offer_commands(self) -> None:
        try:
            if await offer_commands(self._posts, int(self._credentials.bot.platform_bot_id)):
                self._note("info", "The slash commands are set.")
        except RemoteError as error:
            self._commands_offered = False
            self._note("warning", f"The slash commands could not be set: {error.message}")

    async def _handle(self, entry: InboxEntry, apologise: bool) -> None:
        event = read_stored(entry.update.payload)
        if isinstance(event, Press):
            await self._presses.handle(event, await self._token_of(event.id))
            return
        token = await self._token_of(event.id) if event.command is not None else None
        await self._chats.handle(entry, event, token, apologise)

    async def _recall(self, entry: InboxEntry) -> InboxEntry:
        return await self._storage.run(self._inbox.recall, self._bot_id, entry)

    async def _token_of(self, interaction_id: int) -> str | None:
        return await self._storage.run(self._gateway_inbox.interaction_token, self._bot_id, interaction_id)

    def _token_refused(self, error: RemoteRejected) -> None:
        self._sessions.token_refused(error)

    def _messages_arrived(self) -> None:
        self._services.presence.messages_arrived(self._bot_id, self._credentials.bot.owner_id)

    def _note(self, level: str, text: str) -> None:
        self._services.logs.add(self._bot_id, self._credentials.bot.owner_id, level, text)
