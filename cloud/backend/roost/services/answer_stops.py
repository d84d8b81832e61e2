"""One bot's answers in the making, and how they are ended early."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from roost.domain.stopping import StopVerdict
from roost.services.inbox import Inbox
from roost.storage.inbox import InboxEntry


class AnswerStops:
    """A stop is stored with its question before it acts, so that it counts for that question alone, whenever
    it is answered. Thread-safe; `stop` and `stop_latest` wait for a commit.
    """

    def __init__(self, bot_id: str, inbox: Inbox) -> None:
        self._bot_id = bot_id
        self._inbox = inbox
        self._lock = threading.Lock()
        self._made: dict[int, threading.Event] = {}

    @contextmanager
    def making(self, update_id: int) -> Iterator[threading.Event]:
        """For as long as the question's answer is made; the event is set when it is to end early."""
        wanted = threading.Event()
        with self._lock:
            self._made[update_id] = wanted
        try:
            yield wanted
        finally:
            with self._lock:
                self._made.pop(update_id, None)

    def recall(self, update_id: int) -> None:
        """Sets the event of an answer that was to end early before it was begun, or before a restart."""
        if self._inbox.stop_is_wanted(self._bot_id, update_id):
            self._end(update_id)

    def stop(self, update_id: int, by: str, *, moderates: str | None = None) -> StopVerdict:
        """Ends the answer to that question with the text so far; may be repeated. `moderates` as
        Inbox.want_stop's.
        """
        verdict = self._inbox.want_stop(self._bot_id, update_id, by, moderates=moderates)
        return self._act(verdict, update_id)

    def stop_latest(self, entry: InboxEntry, chat_key: str) -> StopVerdict:
        """Ends the answer that is made in the conversation for whoever sent `entry`; of what was asked after
        it, none. Where it stops one, nothing more is to be done for `entry`.
        """
        asked = self._inbox.unanswered_before(self._bot_id, entry, chat_key)
        if not asked:
            return StopVerdict.FINISHED
        update_id, said = self._made_of(asked), entry.update
        verdict = self._inbox.want_stop(self._bot_id, update_id, said.person, said_in=said.update_id)
        return self._act(verdict, update_id)

    def _act(self, verdict: StopVerdict, update_id: int) -> StopVerdict:
        if verdict is StopVerdict.STOPPED:
            self._end(update_id)
        return verdict

    def _made_of(self, asked: Sequence[int]) -> int:
        """A conversation's questions are answered one after another."""
        with self._lock:
            return next((each for each in asked if each in self._made), asked[0])

    def _end(self, update_id: int) -> None:
        with self._lock:
            wanted = self._made.get(update_id)
        if wanted is not None:
            wanted.set()
