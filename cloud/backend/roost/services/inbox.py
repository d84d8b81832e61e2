"""What people sent to bots, and what they get for it: stored first, acknowledged and sent after.

An answer, its replies and its conversation are one transaction, so that a kill at any moment leaves a
question either to be answered again or to be sent, never lost.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from roost.clock import Clock, Ids, parse_timestamp, timestamp
from roost.domain.answers import Answer, Turn
from roost.domain.chat import ChatStats
from roost.domain.stopping import StopVerdict
from roost.storage import chat
from roost.storage import inbox as store
from roost.storage.database import Database, Transaction
from roost.storage.inbox import InboxEntry, Reply, Update

KEPT = timedelta(days=8)
"""Longer than any platform delivers an update again."""


class Inbox:
    """`conversations` is conversations.db. Thread-safe; what gives no future may wait for a commit."""

    def __init__(self, conversations: Database, clock: Clock, ids: Ids) -> None:
        self._database = conversations
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()
        self._ambiguous_sends = 0

    @property
    def ambiguous_sends_total(self) -> int:
        """Sends repeated without knowing whether the first had arrived, since the start of this process."""
        with self._lock:
            return self._ambiguous_sends

    def count_ambiguous_send(self) -> None:
        with self._lock:
            self._ambiguous_sends += 1

    def receive(self, bot_id: str, updates: Sequence[Update]) -> Future[list[InboxEntry]]:
        """Stores a batch in one write, and gives what is new of it. Does not wait: only once the future has
        ended may the platform be told that it arrived.
        """
        now = self._clock.now()

        def insert(db: Transaction) -> list[InboxEntry]:
            new = set(store.insert_updates(db, bot_id, updates, now))
            return [
                InboxEntry(update, answered=False, attempts=0, received_at=timestamp(now))
                for update in updates
                if update.update_id in new
            ]

        return self._database.submit(insert)

    def take_up(self, bot_id: str) -> list[InboxEntry]:
        """What earlier starts left undone, oldest first."""
        return self._database.write(lambda db: store.take_up_unfinished(db, bot_id))

    def recall(self, bot_id: str, entry: InboxEntry) -> InboxEntry:
        """The same entry, as far as it has come. Raises NotFound (`forgotten`) when nothing more is to be
        done for it.
        """
        with self._database.read() as db:
            return store.recall(db, bot_id, entry)

    def context(self, bot_id: str, chat_key: str) -> tuple[Turn, ...]:
        with self._database.read() as db:
            return chat.chat_context(db, bot_id, chat_key, self._clock.now())

    def stats(self, bot_id: str, chat_key: str) -> ChatStats:
        with self._database.read() as db:
            return chat.chat_stats(db, bot_id, chat_key)

    def new_answer_id(self) -> str:
        """For an answer that its own replies name, in their buttons."""
        return self._ids.new()

    def record_answer(
        self,
        bot_id: str,
        platform: str,
        entry: InboxEntry,
        question: str,
        answer: Answer,
        payloads: Sequence[str],
        *,
        opened: bool,
        answer_id: str | None = None,
    ) -> Future[None]:
        """Stores the answer, what to send for it, and the conversation. `opened`: the first part is sent
        next. `answer_id` is fresh, of `new_answer_id`, where the replies themselves name the answer.

        Does not wait: the future ends once all is stored, with NotFound (`forgotten`) when the person has had
        the question deleted meanwhile.
        """
        now = self._clock.now()
        exchange = chat.Exchange(
            bot_id=bot_id,
            platform=platform,
            chat_key=entry.update.chat_key,
            thread_id=self._ids.new(),
            question_id=self._ids.new(),
            answer_id=answer_id or self._ids.new(),
            question=question,
            answer=answer,
            asked_at=parse_timestamp(entry.received_at),
            answered_at=now,
            person=entry.update.person or None,
        )
        update_id = entry.update.update_id
        opened_at = now if opened else None
        return self._database.submit(
            lambda db: store.store_answer(db, exchange, update_id, payloads, opened_at)
        )

    def record_notice(self, bot_id: str, entry: InboxEntry, payloads: Sequence[str], *, opened: bool) -> None:
        """Stores a reply that is no answer, such as the help text."""
        opened_at = self._clock.now() if opened else None
        update_id = entry.update.update_id
        self._database.write(lambda db: store.store_replies(db, bot_id, update_id, payloads, opened_at))

    def clear_context(self, bot_id: str, chat_key: str) -> None:
        """What was said so far is history, no longer context. May be repeated."""
        now = self._clock.now()
        self._database.write(lambda db: chat.clear_context(db, bot_id, chat_key, now))

    def replies(self, bot_id: str, update_id: int) -> list[Reply]:
        with self._database.read() as db:
            return store.list_replies(db, bot_id, update_id)

    def open_reply(self, bot_id: str, update_id: int, part: int) -> None:
        now = self._clock.now()
        self._database.write(lambda db: store.open_reply(db, bot_id, update_id, part, now))

    def take_back_reply(self, bot_id: str, update_id: int, part: int) -> None:
        """The platform said that the part did not arrive; it is not ambiguous any more."""
        self._database.write(lambda db: store.open_reply(db, bot_id, update_id, part, None))

    def mark_sent(self, bot_id: str, update_id: int, part: int, *, last: bool) -> Future[None]:
        """Does not wait: the future ends once it is stored."""
        now = self._clock.now()
        return self._database.submit(lambda db: store.mark_sent(db, bot_id, update_id, part, now, last=last))

    def finish(self, bot_id: str, update_id: int) -> None:
        now = self._clock.now()
        self._database.write(lambda db: store.finish(db, bot_id, update_id, now, reason=None, dropped=False))

    def drop(self, bot_id: str, update_id: int, reason: str) -> None:
        now = self._clock.now()
        self._database.write(lambda db: store.finish(db, bot_id, update_id, now, reason=reason, dropped=True))

    def open_stream(self, bot_id: str, update_id: int) -> None:
        """A message that shows the growing answer is sent next."""
        now = self._clock.now()
        self._database.write(lambda db: store.open_stream(db, bot_id, update_id, now))

    def set_stream_message(self, bot_id: str, update_id: int, message_id: int | None) -> None:
        self._database.write(lambda db: store.set_stream_message(db, bot_id, update_id, message_id))

    def want_stop(
        self,
        bot_id: str,
        update_id: int,
        by: str,
        *,
        moderates: str | None = None,
        said_in: int | None = None,
    ) -> StopVerdict:
        """Remembers, over restarts too, that the question's answer is to end early. May be repeated.

        `moderates` is how the keys of the chats begin in which `by` may stop anybody's answer.
        `said_in` is the update that asks for the stop, if it is done with that: in the same write, for it
        must not be taken up again and stop what was asked next.
        """
        now = self._clock.now()

        def want(db: Transaction) -> StopVerdict:
            verdict = store.want_stop(db, bot_id, update_id, by, now, moderates=moderates)
            if said_in is not None and verdict is StopVerdict.STOPPED:
                store.finish(db, bot_id, said_in, now, reason="it stopped an answer", dropped=True)
            return verdict

        return self._database.write(want)

    def stop_is_wanted(self, bot_id: str, update_id: int) -> bool:
        with self._database.read() as db:
            return store.stop_is_wanted(db, bot_id, update_id)

    def unanswered_before(self, bot_id: str, entry: InboxEntry, chat_key: str) -> list[int]:
        """What the sender of `entry` said in a conversation before it and has no answer to, oldest first."""
        with self._database.read() as db:
            return store.unanswered_before(db, bot_id, entry, chat_key)

    def move_chat(self, bot_id: str, old: str, new: str) -> None:
        """The platform calls a chat by a new id; its conversations go on under that. May be repeated."""
        self._database.write(lambda db: store.move_chat(db, bot_id, old, new))

    def moved_chats(self, bot_id: str) -> dict[str, str]:
        """New ids of chats by their old ones."""
        with self._database.read() as db:
            return store.moved_chats(db, bot_id)

    def tell_once(self, bot_id: str, chat_id: str, what: str) -> bool:
        """True the first time only, over restarts too: what is said once may be said now."""
        now = self._clock.now()
        return self._database.write(lambda db: store.tell_once(db, bot_id, chat_id, what, now))

    def last_messages(self, bot_ids: Sequence[str]) -> dict[str, datetime]:
        """When people last wrote to bots, by bot id; bots nobody wrote to are absent."""
        with self._database.read() as db:
            return store.last_received(db, bot_ids)

    def messages_today(self, bot_ids: Sequence[str]) -> dict[str, int]:
        """Messages received since midnight UTC, by bot id."""
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.read() as db:
            return store.count_received_since(db, bot_ids, midnight)

    def forget_bot(self, bot_id: str) -> None:
        """Deletes a bot's inbox and the chats people had with it on its platform."""
        self._database.write(lambda db: store.forget_bot(db, bot_id))

    def forget_old(self) -> int:
        """Deletes updates finished more than eight days ago; returns how many."""
        moment: datetime = self._clock.now() - KEPT
        return self._database.write(lambda db: store.forget_finished_before(db, moment))
