"""One bot on Discord: its gateway, and what is done with the messages and commands that come through it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from roost.clock import Clock
from roost.discordbot import wording
from roost.discordbot.arrivals import Arrivals
from roost.discordbot.buttons import Components, confirm_buttons, thumb_buttons
from roost.discordbot.client import DiscordClient, translate
from roost.discordbot.commands import offer_commands
from roost.discordbot.delivery import Delivery, Place
from roost.discordbot.events import PLATFORM, Incoming, Press, read_stored
from roost.discordbot.formatting import answer_parts, parts, to_payloads
from roost.discordbot.gateway import Gateway, IdentifyPacing
from roost.discordbot.growing_message import GrowingMessage
from roost.discordbot.interactions import DiscordInteractions
from roost.discordbot.posts import Posts
from roost.discordbot.presses import Presses
from roost.discordbot.storage_calls import StorageCalls
from roost.domain import chat_wording
from roost.domain.answers import Question
from roost.domain.bots import BotCredentials, Transport
from roost.domain.chat_commands import parse_command
from roost.errors import NotFound, RemoteError, RemoteRejected, RemoteUnreachable, RoostError
from roost.services.answer_stream import begin_answering
from roost.services.bot_services import BotServices
from roost.services.chat_pacing import ChatPacing
from roost.services.chat_queues import ChatQueues
from roost.services.gateway_inbox import GatewayInbox
from roost.services.ports import WebhookReceiver
from roost.storage.inbox import FORGOTTEN, InboxEntry, Reply

log = logging.getLogger("roost.discordbot")

ANSWERS_AT_ONCE = 64
TYPING_CALLS_AT_ONCE = 12
TYPING_EVERY_S = 8.0
GROWTH_PER_CHANNEL_S = 1.5
READY_WITHIN_S = 30.0
CLOSE_WITHIN_S = 0.4
LAST_SENDS_S = 0.8
QUIET_COMMANDS = frozenset(("clear", "stats", "forget", "help"))


@dataclass(frozen=True, slots=True)
class DiscordAddress:
    """Where Discord is; `heartbeat_timeout_s` is how long a gateway may say nothing.

    `interactions_url` is where Discord could bring this bot's slash commands; None: nowhere.
    """

    api_base_url: str
    gateway_url: str
    heartbeat_timeout_s: float
    interactions_url: str | None = None


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
        self._address = address
        self._identify_pacing = pacing
        self._services = services
        self._inbox = services.inbox
        self._gateway_inbox = gateway_inbox
        self._storage = storage
        self._clock = clock
        self._chance = chance
        self._posts = Posts()
        self._queues = ChatQueues(self._handle, self._note, chance)
        self._delivery = Delivery(
            self._bot_id, self._posts, services.inbox, storage, chance, self._note, self._token_refused
        )
        self._arrivals = Arrivals(
            self._bot_id,
            gateway_inbox,
            services.inbox,
            storage,
            self._posts,
            self._queues,
            self._is_quiet,
            self._messages_arrived,
            self._note,
            clock,
            chance,
        )
        self._interactions: DiscordInteractions | None = None
        if credentials.bot.transport == Transport.WEBHOOK:
            self._interactions = DiscordInteractions(
                self._posts, address.interactions_url, self._arrivals.take_brought, clock, chance
            )
        self._presses = Presses(
            self._bot_id, int(credentials.bot.platform_bot_id), services, storage, self._posts
        )
        self._growth_pacing = ChatPacing(GROWTH_PER_CHANNEL_S, clock.monotonic_s)
        self._answering = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._typing = asyncio.Semaphore(TYPING_CALLS_AT_ONCE)
        self._session: asyncio.Task[None] | None = None
        self._leaving: DiscordClient | None = None
        self._refusal: RemoteRejected | None = None
        self._commands_offered = False
        self._unfinished: list[InboxEntry] = []
        self._closed = threading.Event()

    async def open(self) -> None:
        """Takes up what earlier starts left undone."""
        await self._storage.run(self._gateway_inbox.forget_expired)
        self._unfinished = await self._storage.run(self._inbox.take_up, self._bot_id)
        if self._unfinished:
            self._note("info", f"Taking up {len(self._unfinished)} message(s) left from before.")
        self._arrivals.start()

    async def poll(self, wait_s: float) -> str | None:
        """Sees that the gateway is being read, for so long. The reading itself never stops in between."""
        if self._session is None:
            await self._connect()
        session = self._session
        if session is not None:
            await asyncio.wait({session}, timeout=wait_s)
            if self._refusal is not None:
                await self._disconnect()
                raise self._refusal
            if session.done():
                await self._disconnect()
                raise self._trouble(session)
        await self._arrivals.remember_seen()
        if self._interactions is None:
            return None
        await self._interactions.watch()
        return self._interactions.trouble

    @property
    def receiver(self) -> WebhookReceiver | None:
        return self._interactions

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials

    async def close(self) -> None:
        self._closed.set()
        if self._session is not None:
            self._session.cancel()
            await asyncio.wait({self._session}, timeout=CLOSE_WITHIN_S)
        await self._queues.close(CLOSE_WITHIN_S)
        await self._delivery.finish(LAST_SENDS_S)
        for client in (self._posts.client, self._leaving):
            if client is not None:
                await client.close()
        try:
            await self._arrivals.remember_seen()
        except RoostError as error:
            self._note("debug", f"What was seen last is not stored: {error.message}")

    async def _connect(self) -> None:
        """Returns once Discord has sent READY. Raises RemoteError."""
        client = DiscordClient(
            self._address.api_base_url,
            self._arrivals,
            self._identify_pacing.identified,
            self._address.heartbeat_timeout_s,
        )
        gateway = Gateway(
            client,
            self._address.gateway_url,
            self._identify_pacing,
            self._queues.room,
            self._clock.monotonic_s,
            self._chance,
        )
        self._arrivals.ready.clear()
        self._posts.client = client
        session = self._session = asyncio.ensure_future(gateway.run(self._credentials.token))
        ready = asyncio.ensure_future(self._arrivals.ready.wait())
        try:
            await asyncio.wait({session, ready}, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._arrivals.ready.is_set():
            await self._disconnect()
            raise self._trouble(session)
        for entry in self._unfinished:
            self._queues.put(entry)
        self._unfinished = []
        if not self._commands_offered:
            self._commands_offered = True
            self._queues.spawn(self._offer_commands())

    async def _disconnect(self) -> None:
        session, client = self._session, self._posts.client
        self._session, self._posts.client, self._leaving = None, None, client
        if session is not None and not session.done():
            session.cancel()
            await asyncio.wait({session}, timeout=CLOSE_WITHIN_S)
        if client is not None:
            await client.close()
        self._leaving = None

    def _trouble(self, session: asyncio.Task[None]) -> RemoteError:
        """Why the reading of the gateway ended."""
        error = None if session.cancelled() or not session.done() else session.exception()
        if not isinstance(error, Exception):
            return RemoteUnreachable("Discord did not get ready in time. Trying again.")
        trouble = translate(error, self._credentials.bot.platform_bot_id)
        if not isinstance(error, RemoteError | OSError) and trouble.code == RemoteUnreachable.default_code:
            log.warning("A gateway ended: %s", type(error).__name__, extra={"bot_id": self._bot_id})
        trouble.__cause__ = error
        return trouble

    def _token_refused(self, error: RemoteRejected) -> None:
        """A send found out before the gateway did: the next poll says so."""
        self._refusal = error
        if self._session is not None:
            self._session.cancel()

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
        place = Place(event, int(self._credentials.bot.platform_bot_id), None, entry.stream_message_id)
        if event.command is not None:
            place.token = await self._token_of(event.id)
        try:
            await self._handle_said(entry, place, apologise)
        except NotFound as error:
            if error.code == FORGOTTEN:
                await self._delivery.take_back(place)
            raise

    async def _token_of(self, interaction_id: int) -> str | None:
        return await self._storage.run(self._gateway_inbox.interaction_token, self._bot_id, interaction_id)

    async def _handle_said(self, entry: InboxEntry, place: Place, apologise: bool) -> None:
        if entry.answered:
            await self._delivery.send_again(entry, place)
        elif not self._is_allowed(place.incoming):
            await self._turn_away(entry, place)
        elif apologise:
            await self._say(entry, place, chat_wording.FAILED)
        else:
            await self._reply(entry, place)

    def _is_allowed(self, incoming: Incoming) -> bool:
        allowed = self._credentials.bot.allowed_chats
        if allowed is None:
            return True
        client = self._posts.client
        parent_id = client.parent_of(incoming.channel_id) if client is not None else None
        # Nobody knows the number of a private channel: there the person's own counts.
        places = (
            incoming.channel_id,
            incoming.guild_id,
            parent_id,
            incoming.person_id if incoming.private else None,
        )
        return any(str(place) in allowed for place in places if place)

    def _is_quiet(self, incoming: Incoming) -> bool:
        return incoming.command in QUIET_COMMANDS or not self._is_allowed(incoming)

    async def _turn_away(self, entry: InboxEntry, place: Place) -> None:
        """A command waits for an answer, and gets one; a message is left alone."""
        if place.incoming.command is not None:
            await self._say(entry, place, wording.not_here(_number_of(place.incoming)))
            return
        reason = "this chat is not among the bot's allowed chats"
        await self._storage.run(self._inbox.drop, self._bot_id, entry.update.update_id, reason)

    async def _reply(self, entry: InboxEntry, place: Place) -> None:
        incoming, bot = place.incoming, self._credentials.bot
        name, text = incoming.command, incoming.text
        if name is None:
            if not text:
                await self._say(entry, place, _about_no_text(incoming))
                return
            typed = parse_command(text)
            if typed is not None:
                name, text = typed.name, typed.argument
        match name:
            case None:
                await self._answer(entry, place, text)
            case "ask" if text:
                await self._answer(entry, place, text)
            case "ask":
                await self._say(entry, place, chat_wording.EMPTY_ASK)
            case "start":
                await self._say(entry, place, chat_wording.welcome(bot.name))
            case "help":
                await self._say(entry, place, wording.help_text(bot.name))
            case "clear":
                await self._storage.run(self._inbox.clear_context, self._bot_id, incoming.chat_key)
                await self._say(entry, place, chat_wording.CLEARED)
            case "forget":
                await self._say(entry, place, wording.FORGET, confirm_buttons(incoming.person_id))
            case "stats":
                stats = await self._storage.run(self._inbox.stats, self._bot_id, incoming.chat_key)
                use = await self._storage.run(self._services.spending.today, incoming.person, self._bot_id)
                await self._say(entry, place, wording.stats_text(stats, use, _number_of(incoming)))
            case _:
                await self._say(entry, place, chat_wording.UNKNOWN_COMMAND)

    async def _say(
        self, entry: InboxEntry, place: Place, markdown: str, components: Components | None = None
    ) -> None:
        payloads = to_payloads(parts(markdown), components)
        await self._storage.run(self._inbox.record_notice, self._bot_id, entry, payloads, opened=True)
        await self._delivery.send(entry, place, _fresh(payloads))

    async def _answer(self, entry: InboxEntry, place: Place, question: str) -> None:
        began_s, incoming = self._clock.monotonic_s(), place.incoming

        async def began(message_id: int) -> None:
            await self._storage.run(self._inbox.set_stream_message, self._bot_id, incoming.id, message_id)

        growing = GrowingMessage(place, self._delivery, self._growth_pacing, began, self._clock.monotonic_s)
        answered = asyncio.Event()
        if place.token is None:
            self._queues.spawn(self._show_typing(place.channel_id, answered))
        try:
            async with self._answering:
                context = await self._storage.run(self._inbox.context, self._bot_id, incoming.chat_key)
                asked = Question(
                    text=question,
                    person=incoming.person,
                    platform=PLATFORM,
                    settings=self._credentials.answers,
                    context=context,
                )
                name = f"answer-{self._bot_id[:8]}"
                answer = await growing.follow(
                    begin_answering(self._services.answerer, asked, self._closed, name)
                )
        finally:
            answered.set()
        answer_id = self._inbox.new_answer_id()
        payloads = to_payloads(answer_parts(answer), thumb_buttons(answer_id))
        await self._storage.run(
            self._inbox.record_answer,
            self._bot_id,
            PLATFORM,
            entry,
            question,
            answer,
            payloads,
            opened=True,
            answer_id=answer_id,
        )
        took_s = self._clock.monotonic_s() - began_s
        self._note(
            "info",
            f"Answered in channel {place.channel_id}: {len(answer.citations)} source(s), {took_s:.1f} s.",
        )
        await self._delivery.send(replace(entry, answered=True), place, _fresh(payloads))

    async def _show_typing(self, channel_id: int, answered: asyncio.Event) -> None:
        """Typing is a courtesy: no error of it matters."""
        while not answered.is_set():
            async with self._typing:
                if answered.is_set():
                    return
                try:
                    await self._posts.show_typing(channel_id)
                except RemoteError:
                    return
            try:
                await asyncio.wait_for(answered.wait(), TYPING_EVERY_S)
            except TimeoutError:
                continue

    def _messages_arrived(self) -> None:
        self._services.presence.messages_arrived(self._bot_id, self._credentials.bot.owner_id)

    def _note(self, level: str, text: str) -> None:
        self._services.logs.add(self._bot_id, self._credentials.bot.owner_id, level, text)


def _about_no_text(incoming: Incoming) -> str:
    if incoming.hidden:
        return wording.HIDDEN
    return chat_wording.ONLY_TEXT if incoming.attached else wording.EMPTY_MENTION


def _number_of(incoming: Incoming) -> int:
    """What stands for this place in a bot's allowed chats."""
    return incoming.person_id if incoming.private else incoming.channel_id


def _fresh(payloads: list[str]) -> list[Reply]:
    """The replies as they were just stored."""
    return [Reply(part, payload, opened=part == 0, sent=False) for part, payload in enumerate(payloads)]
