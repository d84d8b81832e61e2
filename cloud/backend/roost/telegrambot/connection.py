"""One bot on Telegram: a polling loop's single step, and what is done with the messages it brings.

The polling is our own: the library's ends silently when the token is refused, and confirms updates that no
handler has finished.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from telegram import BotCommand
from telegram.constants import ChatAction
from telegram.error import TelegramError

from roost.clock import Clock
from roost.domain.answers import AnswerEvent, Question
from roost.domain.backoff import Backoff
from roost.domain.bots import BotCredentials
from roost.domain.chat_commands import parse_command
from roost.errors import RoostError
from roost.services.bot_logs import BotLogs
from roost.services.inbox import Inbox
from roost.services.ports import Answerer
from roost.storage.inbox import InboxEntry, Reply
from roost.telegrambot import wording
from roost.telegrambot.client import (
    WEBHOOK_IS_SET,
    TelegramClient,
    translate,
)
from roost.telegrambot.delivery import Delivery
from roost.telegrambot.formatting import Part, answer_parts, parts
from roost.telegrambot.growing_message import GrowingMessage
from roost.telegrambot.pacing import ChatPacing
from roost.telegrambot.updates import ALLOWED_UPDATES, IncomingMessage, read_message, to_inbox

log = logging.getLogger("roost.telegrambot")

PLATFORM = "telegram"
ANSWERS_AT_ONCE = 64
TYPING_CALLS_AT_ONCE = 12
TYPING_EVERY_S = 4.5
BACKLOG_LIMIT = 1_000
ATTEMPTS_AT_MOST = 3
LAST_SENDS_S = 1.0
RETRY = Backoff(first_s=0.5, cap_s=10.0)


class TelegramConnection:
    """Implements services.ports.BotConnection. Lives in the loop of all bots; answers are made in threads.

    Messages of one chat are handled one after another, those of different chats side by side.
    """

    def __init__(
        self,
        credentials: BotCredentials,
        client: TelegramClient,
        inbox: Inbox,
        answerer: Answerer,
        logs: BotLogs,
        storage: Executor,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._bot_id = credentials.bot.id
        self._client = client
        self._inbox = inbox
        self._answerer = answerer
        self._logs = logs
        self._clock = clock
        self._chance = chance
        self._pacing = ChatPacing(clock.monotonic_s)
        self._delivery = Delivery(self._bot_id, client, inbox, self._pacing, storage, chance, self._note)
        self._offset: int | None = None
        self._menu_is_set = False
        self._chats: dict[str, deque[InboxEntry]] = {}
        self._backlog = 0
        self._drained = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._typing = asyncio.Semaphore(TYPING_CALLS_AT_ONCE)
        self._closed = threading.Event()

    async def open(self) -> None:
        """Takes up what earlier starts left undone."""
        unfinished = await self._delivery.stored(self._inbox.take_up, self._bot_id)
        if unfinished:
            self._note("info", f"Taking up {len(unfinished)} message(s) left from before.")
        for entry in unfinished:
            self._enqueue(entry)

    async def poll(self, wait_s: float) -> None:
        """One long poll: what it brings is stored before the next one confirms it."""
        while self._backlog > BACKLOG_LIMIT:
            self._drained.clear()
            await self._drained.wait()
        fetched = await self._fetch(wait_s)
        updates = [update for update in map(to_inbox, fetched) if update is not None]
        if updates:
            for entry in await self._delivery.stored(self._inbox.receive, self._bot_id, updates):
                self._enqueue(entry)
        # Telegram may choose a lower id after a quiet week, so an offset is kept only until it has confirmed.
        self._offset = max(update.update_id for update in updates) + 1 if updates else None
        if not self._menu_is_set:
            self._menu_is_set = True
            self._spawn(self._set_menu())

    def reconfigure(self, credentials: BotCredentials) -> None:
        self._credentials = credentials

    async def close(self) -> None:
        self._closed.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.5)
        await self._delivery.finish(LAST_SENDS_S)
        await self._client.disconnect()

    async def _fetch(self, wait_s: float) -> list[dict[str, Any]]:
        try:
            return await self._client.fetch_updates(self._offset, wait_s, ALLOWED_UPDATES)
        except TelegramError as error:
            trouble = translate(error)
            if trouble.code != WEBHOOK_IS_SET:
                raise trouble from error
        self._note("info", "A webhook was set for this bot; removing it, so that it can be polled.")
        try:
            await self._client.delete_webhook(drop_pending_updates=False)
            return await self._client.fetch_updates(self._offset, 0, ALLOWED_UPDATES)
        except TelegramError as error:
            raise translate(error) from error

    async def _set_menu(self) -> None:
        try:
            await self._client.set_my_commands([BotCommand(*command) for command in wording.COMMANDS])
        except TelegramError as error:
            self._note("debug", f"The command menu could not be set: {translate(error).message}")

    def _enqueue(self, entry: InboxEntry) -> None:
        self._backlog += 1
        chat = self._chats.get(entry.update.chat_key)
        if chat is not None:
            chat.append(entry)
            return
        self._chats[entry.update.chat_key] = deque([entry])
        self._spawn(self._work_off(entry.update.chat_key))

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_off(self, chat_key: str) -> None:
        waiting = self._chats[chat_key]
        while waiting:
            await self._handle_until_done(waiting.popleft())
            self._backlog -= 1
            self._drained.set()
        del self._chats[chat_key]

    async def _handle_until_done(self, entry: InboxEntry) -> None:
        """Storage that cannot take it is waited for; a fault of ours ends in an apology, not in silence."""
        failures = 0
        while True:
            try:
                await self._handle(entry, apologise=entry.attempts + failures >= ATTEMPTS_AT_MOST)
            except RoostError as error:
                self._note("error", error.message)
                failures += 0 if error.retryable else 1
            except Exception:  # the edge of a chat's task - the next message must not suffer
                log.exception("A message could not be handled", extra={"bot_id": self._bot_id})
                self._note("error", "Something went wrong inside Roost while handling a message.")
                failures += 1
            else:
                return
            if failures > ATTEMPTS_AT_MOST:
                return
            await asyncio.sleep(RETRY.delay_s(max(1, failures), self._chance()))

    async def _handle(self, entry: InboxEntry, *, apologise: bool) -> None:
        message = read_message(entry.update.payload)
        reason = self._reason_to_ignore(message)
        if message is None or reason is not None:
            await self._delivery.stored(
                self._inbox.drop, self._bot_id, entry.update.update_id, reason or "not a message"
            )
        elif entry.answered:
            await self._delivery.send_again(entry, message.chat_id)
        elif apologise:
            await self._say(entry, message.chat_id, wording.FAILED)
        else:
            await self._reply(entry, message)

    def _reason_to_ignore(self, message: IncomingMessage | None) -> str | None:
        if message is None:
            return "not a new message"
        if not message.private:
            return "groups are not answered yet"
        allowed = self._credentials.bot.allowed_chats
        if allowed is not None and str(message.chat_id) not in allowed:
            return "this chat is not among the bot's allowed chats"
        return None

    async def _reply(self, entry: InboxEntry, message: IncomingMessage) -> None:
        chat_id, chat_key = message.chat_id, entry.update.chat_key
        bot = self._credentials.bot
        if message.text is None or not message.text.strip():
            await self._say(entry, chat_id, wording.ONLY_TEXT)
            return
        command = parse_command(message.text)
        match command.name if command else None:
            case None:
                await self._answer(entry, message, message.text.strip())
            case "ask" if command and command.argument:
                await self._answer(entry, message, command.argument)
            case "ask":
                await self._say(entry, chat_id, wording.EMPTY_ASK)
            case "start":
                await self._say(entry, chat_id, wording.welcome(bot.name))
            case "help":
                await self._say(entry, chat_id, wording.help_text(bot.name))
            case "clear":
                await self._delivery.stored(self._inbox.clear_context, self._bot_id, chat_key)
                await self._say(entry, chat_id, wording.CLEARED)
            case "stats":
                stats = await self._delivery.stored(self._inbox.stats, self._bot_id, chat_key)
                await self._say(entry, chat_id, wording.stats_text(stats))
            case _:
                await self._say(entry, chat_id, wording.UNKNOWN_COMMAND)

    async def _say(self, entry: InboxEntry, chat_id: int, markdown: str) -> None:
        payloads = [part.to_json() for part in parts(markdown)]
        opened = self._pacing.wait_s(chat_id) == 0
        await self._delivery.stored(self._inbox.record_notice, self._bot_id, entry, payloads, opened=opened)
        await self._delivery.send(entry, chat_id, _fresh(payloads, opened=opened))

    async def _answer(self, entry: InboxEntry, message: IncomingMessage, question: str) -> None:
        began_s = self._clock.monotonic_s()
        chat_id = message.chat_id
        if entry.stream_opened and entry.stream_message_id is None:
            self._inbox.count_ambiguous_send()
        growing = GrowingMessage(
            self._bot_id,
            entry,
            chat_id,
            self._client,
            self._inbox,
            self._delivery,
            self._pacing,
            self._clock.monotonic_s,
        )
        answered = asyncio.Event()
        self._spawn(self._show_typing(chat_id, answered))
        try:
            async with self._answering:
                context = await self._delivery.stored(
                    self._inbox.context, self._bot_id, entry.update.chat_key
                )
                events = self._begin_answering(
                    Question(
                        text=question,
                        person=f"{PLATFORM}:{message.sender_id or chat_id}",
                        platform=PLATFORM,
                        settings=self._credentials.answers,
                        context=context,
                    )
                )
                answer = await growing.follow(events)
        finally:
            answered.set()
        made: list[Part] = answer_parts(answer)
        payloads = [part.to_json() for part in made]
        opened = self._pacing.wait_s(chat_id) == 0
        await self._delivery.stored(
            self._inbox.record_answer,
            self._bot_id,
            PLATFORM,
            entry,
            question,
            answer,
            payloads,
            opened=opened,
        )
        took_s = self._clock.monotonic_s() - began_s
        self._note("info", f"Answered in chat {chat_id}: {len(answer.citations)} source(s), {took_s:.1f} s.")
        await self._delivery.send(growing.entry, chat_id, _fresh(payloads, opened=opened))

    def _begin_answering(self, question: Question) -> asyncio.Queue[AnswerEvent | Exception]:
        """Makes the answer in a thread of its own: a daemon, so that a silent endpoint cannot hold up the
        exit.
        """
        events: asyncio.Queue[AnswerEvent | Exception] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(event: AnswerEvent | Exception) -> None:
            if not self._closed.is_set():
                loop.call_soon_threadsafe(events.put_nowait, event)

        def answer() -> None:
            try:
                for event in self._answerer.answer(question, self._closed.is_set):
                    tell(event)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the chat's task gets it
                tell(error)

        threading.Thread(target=answer, name=f"answer-{self._bot_id[:8]}", daemon=True).start()
        return events

    async def _show_typing(self, chat_id: int, answered: asyncio.Event) -> None:
        """Typing is a courtesy: it waits in no limiter, and no error of it matters."""
        while not answered.is_set():
            async with self._typing:
                if answered.is_set():
                    return
                try:
                    await self._client.send_chat_action(chat_id, ChatAction.TYPING)
                except TelegramError:
                    return
            try:
                await asyncio.wait_for(answered.wait(), TYPING_EVERY_S)
            except TimeoutError:
                continue

    def _note(self, level: str, text: str) -> None:
        self._logs.add(self._bot_id, self._credentials.bot.owner_id, level, text)


def _fresh(payloads: list[str], *, opened: bool) -> list[Reply]:
    """The replies as they were just stored."""
    return [
        Reply(part, payload, opened=opened and part == 0, sent=False) for part, payload in enumerate(payloads)
    ]
