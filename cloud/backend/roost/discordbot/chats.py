"""What a bot does with what is said to it: commands, questions and their answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from roost.discordbot import wording
from roost.discordbot.buttons import Components, confirm_buttons, thumb_buttons
from roost.discordbot.delivery import Delivery, Place
from roost.discordbot.events import PLATFORM, Incoming
from roost.discordbot.formatting import answer_parts, parts, to_payloads
from roost.discordbot.growing_message import GrowingMessage
from roost.discordbot.posts import Posts
from roost.discordbot.storage_calls import StorageCalls
from roost.domain import chat_wording
from roost.domain.answers import Question
from roost.domain.bots import BotCredentials
from roost.domain.chat_commands import parse_command
from roost.errors import NotFound, RemoteError
from roost.services.answer_stops import AnswerStops
from roost.services.answer_stream import begin_answering
from roost.services.bot_services import BotServices
from roost.services.chat_pacing import ChatPacing
from roost.storage.inbox import FORGOTTEN, InboxEntry, fresh_replies

ANSWERS_AT_ONCE = 64
TYPING_CALLS_AT_ONCE = 12
TYPING_EVERY_S = 8.0
GROWTH_PER_CHANNEL_S = 1.5
QUIET_COMMANDS = frozenset(("clear", "stats", "forget", "help"))


class Chats:
    """Lives in the loop of all bots. `spawn` runs something beside the chats, `closed` ends the answering."""

    def __init__(
        self,
        credentials: BotCredentials,
        posts: Posts,
        services: BotServices,
        delivery: Delivery,
        storage: StorageCalls,
        monotonic_s: Callable[[], float],
        closed: threading.Event,
        stops: AnswerStops,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        note: Callable[[str, str], None],
    ) -> None:
        self._credentials = credentials
        self._bot_id = credentials.bot.id
        self._posts = posts
        self._services = services
        self._inbox = services.inbox
        self._delivery = delivery
        self._storage = storage
        self._monotonic_s = monotonic_s
        self._closed = closed
        self._stops = stops
        self._spawn = spawn
        self._note = note
        self._growth_pacing = ChatPacing(GROWTH_PER_CHANNEL_S, monotonic_s)
        self._answering = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._typing = asyncio.Semaphore(TYPING_CALLS_AT_ONCE)

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials

    async def handle(self, entry: InboxEntry, incoming: Incoming, token: str | None, apologise: bool) -> None:
        """Answers a message or a slash command; `token` is the interaction's, while it is accepted."""
        application_id = int(self._credentials.bot.platform_bot_id)
        quiet = incoming.command is not None and self.is_quiet(incoming)
        place = Place(incoming, application_id, token, entry.stream_message_id, quiet)
        try:
            await self._handle(entry, place, apologise)
        except NotFound as error:
            if error.code == FORGOTTEN:
                await self._delivery.take_back(place)
            raise

    def is_quiet(self, incoming: Incoming) -> bool:
        """Whether only the asker is to see what a slash command gets."""
        return incoming.command in QUIET_COMMANDS or not self._is_allowed(incoming)

    async def _handle(self, entry: InboxEntry, place: Place, apologise: bool) -> None:
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
                await self._say(
                    entry, place, chat_wording.forget("Discord"), confirm_buttons(incoming.person_id)
                )
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
        await self._delivery.send(entry, place, fresh_replies(payloads, opened=True))

    async def _answer(self, entry: InboxEntry, place: Place, question: str) -> None:
        began_s, incoming = self._monotonic_s(), place.incoming

        async def began(message_id: int) -> None:
            await self._storage.run(self._inbox.set_stream_message, self._bot_id, incoming.id, message_id)

        growing = GrowingMessage(place, self._delivery, self._growth_pacing, began, self._monotonic_s)
        answered = asyncio.Event()
        if place.token is None:
            self._spawn(self._show_typing(place.channel_id, answered))
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
                with self._stops.making(incoming.id) as stop:
                    await self._storage.run(self._stops.recall, incoming.id)
                    events = begin_answering(self._services.answerer, asked, self._closed, stop, name)
                    answer = await growing.follow(events)
        finally:
            answered.set()
        answer_id = self._inbox.new_answer_id()
        payloads = to_payloads(answer_parts(answer), thumb_buttons(answer_id))
        storing = self._inbox.record_answer(
            self._bot_id,
            PLATFORM,
            entry,
            question,
            answer,
            payloads,
            opened=True,
            answer_id=answer_id,
        )
        await asyncio.wrap_future(storing)
        took_s = self._monotonic_s() - began_s
        self._note(
            "info",
            f"Answered in channel {place.channel_id}: {len(answer.citations)} source(s), {took_s:.1f} s.",
        )
        await self._delivery.send(replace(entry, answered=True), place, fresh_replies(payloads, opened=True))

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


def _about_no_text(incoming: Incoming) -> str:
    if incoming.hidden:
        return wording.HIDDEN
    return chat_wording.ONLY_TEXT if incoming.attached else wording.EMPTY_MENTION


def _number_of(incoming: Incoming) -> int:
    """What stands for this place in a bot's allowed chats."""
    return incoming.person_id if incoming.private else incoming.channel_id
