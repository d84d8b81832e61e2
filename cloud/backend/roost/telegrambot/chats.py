"""What a bot does with the messages it is sent: commands, questions and their answers."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from telegram.constants import ChatAction
from telegram.error import TelegramError

from roost.domain import chat_wording
from roost.domain.answers import Question
from roost.domain.bots import BotCredentials
from roost.domain.stopping import StopVerdict
from roost.errors import NotFound
from roost.services.answer_stops import AnswerStops
from roost.services.answer_stream import begin_answering
from roost.services.bot_services import BotServices
from roost.storage.inbox import FORGOTTEN, InboxEntry, fresh_replies
from roost.telegrambot import wording
from roost.telegrambot.addressing import Request, read_request, with_quoted
from roost.telegrambot.client import TelegramClient, translate
from roost.telegrambot.delivery import Delivery
from roost.telegrambot.drafts import Drafts
from roost.telegrambot.formatting import answer_parts, parts, with_buttons
from roost.telegrambot.growing_message import GrowingMessage
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.place import Place
from roost.telegrambot.presses import confirm_buttons, thumb_buttons
from roost.telegrambot.updates import PLATFORM, IncomingMessage, Myself, person

ANSWERS_AT_ONCE = 64
TYPING_CALLS_AT_ONCE = 12
TYPING_EVERY_S = 4.5
NOT_ALLOWED = "not_allowed"


class Chats:
    """Lives in the loop of all bots. `spawn` runs something beside the chats, `closed` ends the answering."""

    def __init__(
        self,
        credentials: BotCredentials,
        client: TelegramClient,
        services: BotServices,
        delivery: Delivery,
        pacing: ChatPacing,
        monotonic_s: Callable[[], float],
        closed: threading.Event,
        stops: AnswerStops,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        note: Callable[[str, str], None],
    ) -> None:
        self._credentials = credentials
        self._bot_id = credentials.bot.id
        self._client = client
        self._services = services
        self._inbox = services.inbox
        self._delivery = delivery
        self._pacing = pacing
        self._drafts = Drafts(client, monotonic_s)
        self._monotonic_s = monotonic_s
        self._closed = closed
        self._stops = stops
        self._spawn = spawn
        self._note = note
        self._answering = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._typing = asyncio.Semaphore(TYPING_CALLS_AT_ONCE)
        self._under_way: Counter[int] = Counter()
        self._typed_for: Counter[Place] = Counter()
        self.myself = Myself(int(credentials.bot.platform_bot_id), credentials.bot.handle)

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials

    async def handle(
        self, entry: InboxEntry, message: IncomingMessage, known_as: tuple[int, ...], apologise: bool
    ) -> None:
        """Answers a message that is meant for the bot. `known_as` are the chat's ids, first that under which
        the message came.
        """
        update_id = entry.update.update_id
        moved = message.chat_id not in known_as[:1]
        in_group = None if message.private or moved else message.message_id
        place = Place(message.chat_id, message.topic_id, in_group)
        allowed = self._credentials.bot.allowed_chats
        if entry.answered:
            await self._delivery.send_again(entry, place)
        elif allowed is not None and not any(
            str(chat_id) in allowed for chat_id in (*known_as, place.chat_id)
        ):
            await self._refuse(entry, place)
        elif not self._delivery.may_write(place.chat_id):
            await self._drop(update_id, "the bot may not write in this chat")
        elif apologise:
            await self._say(entry, place, wording.FAILED)
        else:
            await self._reply(entry, message, place, read_request(message, self.myself))

    async def _reply(
        self, entry: InboxEntry, message: IncomingMessage, place: Place, request: Request
    ) -> None:
        bot, chat_key, command = self._credentials.bot, entry.update.chat_key, request.command
        if request.text is None or not request.text.strip():
            mentioned = request.text is not None and not message.private
            await self._say(entry, place, wording.EMPTY_MENTION if mentioned else wording.ONLY_TEXT)
            return
        match command.name if command else None:
            case None:
                await self._answer(entry, message, place, request.text.strip(), request)
            case "ask" if command and command.argument:
                await self._answer(entry, message, place, command.argument, request)
            case "ask" if request.quoted is not None and request.quoted.role == "user":
                await self._answer(entry, message, place, request.quoted.text, request)
            case "ask":
                await self._say(entry, place, wording.EMPTY_ASK)
            case "start":
                await self._say(entry, place, wording.welcome(bot.name))
            case "help":
                await self._say(entry, place, wording.help_text(bot.name))
            case "stop":
                await self._stop(entry, message, place)
            case "clear":
                await self._delivery.stored(self._inbox.clear_context, self._bot_id, chat_key)
                await self._say(entry, place, wording.CLEARED)
            case "forget":
                await self._say(
                    entry, place, chat_wording.forget("Telegram"), confirm_buttons(message.sender_id)
                )
            case "stats":
                stats = await self._delivery.stored(self._inbox.stats, self._bot_id, chat_key)
                asker = person(message.sender_id)
                use = await self._delivery.stored(self._services.spending.today, asker, self._bot_id)
                await self._say(entry, place, wording.stats(stats, use, place.chat_id))
            case _:
                await self._say(entry, place, wording.UNKNOWN_COMMAND)

    async def _stop(self, entry: InboxEntry, message: IncomingMessage, place: Place) -> None:
        """The answer itself is what is seen of a stop."""
        verdict = await self._delivery.stored(self._stops.stop_latest, entry, message.chat_key)
        if verdict is not StopVerdict.STOPPED:
            await self._say(entry, place, wording.NOTHING_TO_STOP)

    async def _refuse(self, entry: InboxEntry, place: Place) -> None:
        """One sentence for a chat that is not allowed, ever; after that, silence."""
        update_id, chat = entry.update.update_id, str(place.chat_id)
        if await self._delivery.stored(self._inbox.tell_once, self._bot_id, chat, NOT_ALLOWED):
            self._note("info", f"Chat {chat} is not among the bot's allowed chats; it was told so once.")
            await self._say(entry, place, wording.not_allowed(place.chat_id))
        else:
            await self._drop(update_id, "this chat is not among the bot's allowed chats")

    async def _drop(self, update_id: int, reason: str) -> None:
        await self._delivery.stored(self._inbox.drop, self._bot_id, update_id, reason)

    async def _say(
        self, entry: InboxEntry, place: Place, markdown: str, buttons: tuple[tuple[str, str], ...] = ()
    ) -> None:
        payloads = [part.to_json() for part in with_buttons(parts(markdown), buttons)]
        opened = self._pacing.wait_s(place.chat_id) == 0
        await self._delivery.stored(self._inbox.record_notice, self._bot_id, entry, payloads, opened=opened)
        await self._delivery.send(entry, place, fresh_replies(payloads, opened=opened))

    async def _answer(
        self, entry: InboxEntry, message: IncomingMessage, place: Place, question: str, request: Request
    ) -> None:
        began_s = self._monotonic_s()
        if entry.stream_opened and entry.stream_message_id is None:
            self._inbox.count_ambiguous_send()
        growing = GrowingMessage(
            self._bot_id,
            entry,
            place,
            self._client,
            self._inbox,
            self._delivery,
            self._pacing,
            self._drafts,
            self._monotonic_s,
            lambda: self._under_way[place.chat_id],
        )
        self._under_way[place.chat_id] += 1
        answered = self._show_typing(place)
        try:
            update_id = entry.update.update_id
            async with self._answering:
                context = await self._delivery.stored(
                    self._inbox.context, self._bot_id, entry.update.chat_key
                )
                asked = Question(
                    text=question,
                    person=person(message.sender_id),
                    platform=PLATFORM,
                    settings=self._credentials.answers,
                    context=with_quoted(context, request.quoted),
                )
                name = f"answer-{self._bot_id[:8]}"
                with self._stops.making(update_id) as stop:
                    await self._delivery.stored(self._stops.recall, update_id)
                    events = begin_answering(self._services.answerer, asked, self._closed, stop, name)
                    answer = await growing.follow(events)
            answer_id = self._inbox.new_answer_id()
            made = with_buttons(answer_parts(answer), thumb_buttons(answer_id))
            payloads = [part.to_json() for part in made]
            opened = self._pacing.wait_s(place.chat_id) == 0
            storing = self._inbox.record_answer(
                self._bot_id,
                PLATFORM,
                entry,
                question,
                answer,
                payloads,
                opened=opened,
                answer_id=answer_id,
            )
            await asyncio.wrap_future(storing)
            answered()
            took_s = self._monotonic_s() - began_s
            sources = len(answer.citations)
            self._note("info", f"Answered in chat {place.chat_id}: {sources} source(s), {took_s:.1f} s.")
            await self._delivery.send(growing.entry, place, fresh_replies(payloads, opened=opened))
        except NotFound as error:
            if error.code == FORGOTTEN and growing.entry.stream_message_id is not None:
                await self._take_back(place.chat_id, growing.entry.stream_message_id)
            raise
        finally:
            answered()
            self._under_way[place.chat_id] -= 1
            if not self._under_way[place.chat_id]:
                del self._under_way[place.chat_id]

    async def _take_back(self, chat_id: int, message_id: int) -> None:
        """Removes a half shown answer for somebody who has had their record deleted."""
        try:
            await self._client.delete_message(chat_id, message_id)
        except TelegramError as error:
            self._note("debug", f"A half shown answer stays: {translate(error).message}")

    def _show_typing(self, place: Place) -> Callable[[], None]:
        """Types in the place until the returned function is called; once for all answers made there."""
        where = Place(place.chat_id, place.topic_id)
        self._typed_for[where] += 1
        if self._typed_for[where] == 1:
            self._spawn(self._type(where))
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._typed_for[where] -= 1

        return end

    async def _type(self, where: Place) -> None:
        """Typing is a courtesy: it waits in no limiter, and no error of it matters."""
        try:
            while self._typed_for[where] > 0:
                async with self._typing:
                    if self._typed_for[where] <= 0:
                        return
                    await self._client.send_chat_action(
                        where.chat_id, ChatAction.TYPING, message_thread_id=where.topic_id
                    )
                await asyncio.sleep(TYPING_EVERY_S)
        except TelegramError:
            return
        finally:
            if self._typed_for[where] <= 0:
                del self._typed_for[where]
