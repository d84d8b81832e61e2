"""Conversations in the browser and over the API: threads, questions, answers, feedback, export."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from roost.clock import Clock, Ids, timestamp, uuid7
from roost.domain.accounts import Person
from roost.domain.chat import (
    NEW_TITLE,
    REASON_LIMIT,
    TITLE_LIMIT,
    Message,
    Thread,
    check_id,
    check_text,
    title_of,
)
from roost.domain.chat_export import as_json, as_markdown
from roost.errors import InvalidInput, NotFound, Unavailable
from roost.services.ports import BotAnswers
from roost.services.runs import DoneEvent, ErrorEvent, RestartEvent, Runs, RunSubscription
from roost.storage import chat as stored
from roost.storage import runs as stored_runs
from roost.storage.database import Database
from roost.storage.idempotency import Once, Replayed, find_reply, write_once
from roost.storage.runs import NewQuestion, Posted

T = TypeVar("T")

QUERY_LIMIT = 200
EXPORT_BATCH = 200
ASK_TIMEOUT_S = 180.0

__all__ = ["Asked", "Chat", "CreatedThread", "Export", "Page", "Posted"]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CreatedThread:
    """`created` is False when the same thread was there before."""

    thread: Thread
    created: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's answer in one call. `answer.model` is None when it is quoted passages."""

    answer: Message
    thread_id: str


@dataclass(frozen=True, slots=True)
class Export:
    filename: str
    media_type: str
    body: str


class Chat:
    """A person's own conversations. Other people's are not found. Every write is done once for each `once`.

    Methods that take `once` raise Replayed when the same request was done before.
    """

    def __init__(self, database: Database, runs: Runs, bots: BotAnswers, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._runs = runs
        self._bots = bots
        self._clock = clock
        self._ids = ids

    def create_thread(
        self,
        person: Person,
        *,
        thread_id: str | None = None,
        bot_id: str | None = None,
        title: str | None = None,
        once: Once | None = None,
    ) -> CreatedThread:
        """Raises NotFound for a bot the person may not see, InvalidInput, Conflict (id_taken)."""
        thread = self._new_thread(person, thread_id, bot_id, _title(title) if title else NEW_TITLE)

        def rendered(created: tuple[Thread, bool]) -> CreatedThread:
            return CreatedThread(*created)

        return write_once(self._database, once, lambda db: rendered(stored.create_thread_once(db, thread)))

    def list_threads(
        self, person: Person, *, query: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[Thread]:
        """The last used first. `query` is looked for in titles and texts, literally, in any case."""
        if query:
            check_text(query, field="q", limit=QUERY_LIMIT)
        before = _decode_cursor(cursor) if cursor else None
        with self._database.read() as db:
            found = stored.list_threads(db, person.id, query=query, before=before, limit=limit + 1)
        more = len(found) > limit
        items = tuple(found[:limit])
        last = items[-1] if items else None
        return Page(items, _encode_cursor(timestamp(last.updated_at), last.id) if more and last else None)

    def get_thread(self, person: Person, thread_id: str) -> Thread:
        """Raises NotFound."""
        with self._database.read() as db:
            return stored.own_thread(db, person.id, thread_id)

    def rename_thread(self, person: Person, thread_id: str, title: str, once: Once | None = None) -> Thread:
        """Raises NotFound, InvalidInput."""
        title = _title(title)
        return write_once(
            self._database, once, lambda db: stored.rename_own_thread(db, person.id, thread_id, title)
        )

    def delete_thread(self, person: Person, thread_id: str, once: Once | None = None) -> None:
        """Raises NotFound. The messages go with it; an answer in the making is stopped."""
        write_once(self._database, once, lambda db: stored.delete_own_thread(db, person.id, thread_id))
        self._runs.stop_thread(thread_id)

    def list_messages(
        self, person: Person, thread_id: str, *, cursor: str | None = None, limit: int = 50
    ) -> Page[Message]:
        """In the order they were said. Raises NotFound."""
        after = _decode_seq(cursor) if cursor else 0
        with self._database.read() as db:
            stored.own_thread(db, person.id, thread_id)
            found = stored.list_messages(db, thread_id, after_seq=after, limit=limit + 1)
        items = tuple(found[:limit])
        return Page(items, str(items[-1].seq) if len(found) > limit else None)

    def post_message(
        self, person: Person, thread_id: str, message_id: str, text: str, once: Once | None = None
    ) -> Posted:
        """Stores the question and begins its answer; returns when the question is safe.

        The same id with the same text gives what is there (`created` False). Raises NotFound, InvalidInput,
        Conflict (id_taken), LimitReached, Unavailable.
        """
        message_id = check_id(message_id, field="id")
        return self._post(person, thread_id, None, message_id, check_text(text, field="text"), once)

    def subscribe(self, person: Person, run_id: str, after: int | None) -> RunSubscription:
        """Raises NotFound."""
        return self._runs.subscribe(person.id, run_id, after)

    def stop_run(self, person: Person, run_id: str) -> None:
        """Raises NotFound. The text so far is kept."""
        self._runs.stop_run(person.id, run_id)

    def give_feedback(
        self,
        person: Person,
        message_id: str,
        thumb: Literal["up", "down"],
        reason: str | None = None,
        once: Once | None = None,
    ) -> None:
        """The last word counts. Raises NotFound, InvalidInput for a question."""
        if reason is not None:
            check_text(reason, field="reason", limit=REASON_LIMIT)
        at = self._clock.now()
        write_once(
            self._database,
            once,
            lambda db: stored.judge_answer(db, person.id, message_id, thumb, reason, at),
        )

    def export_thread(self, person: Person, thread_id: str, form: Literal["md", "json"]) -> Export:
        """The whole conversation as a file. Raises NotFound."""
        with self._database.read() as db:
            thread = stored.own_thread(db, person.id, thread_id)
            messages: list[Message] = []
            while batch := stored.list_messages(
                db, thread_id, after_seq=messages[-1].seq if messages else 0, limit=EXPORT_BATCH
            ):
                messages.extend(batch)
        name = f"conversation-{thread.id}"
        if form == "json":
            return Export(f"{name}.json", "application/json", as_json(thread, messages))
        return Export(f"{name}.md", "text/markdown; charset=utf-8", as_markdown(thread, messages))

    def ask(
        self,
        person: Person,
        question: str,
        *,
        thread_id: str | None = None,
        bot_id: str | None = None,
        once: Once | None = None,
        timeout_s: float = ASK_TIMEOUT_S,
    ) -> Asked:
        """Asks and waits: question and answer are stored when it returns. `bot_id` counts for a new thread
        alone.

        Raises NotFound, InvalidInput, LimitReached, and Unavailable when Roost restarts meanwhile: the same
        request (`once`) then gets the answer of the same question.
        """
        question = check_text(question, field="question")
        if once is not None:
            self._replay(once)
        message_id = _id_of(once) if once else self._ids.new()
        new_thread = None
        if thread_id is None:
            new_thread = self._new_thread(person, None, bot_id, title_of(question))
        posted = self._post(person, thread_id or "", new_thread, message_id, question, None)
        answer = self._wait(person, posted.run_id, timeout_s)
        asked = Asked(answer, answer.thread_id)
        if once is None:
            return asked
        return write_once(self._database, once, lambda _: asked)

    def _replay(self, once: Once) -> None:
        """Raises Replayed, or InvalidInput for another body, before a question is stored a second time."""
        with self._database.read() as db:
            earlier = find_reply(db, once)
        if earlier is not None:
            raise Replayed(earlier)

    def _new_thread(self, person: Person, thread_id: str | None, bot_id: str | None, title: str) -> Thread:
        if bot_id is not None:
            self._bots.answer_settings(bot_id, person.id)
        now = self._clock.now()
        fresh = check_id(thread_id, field="id") if thread_id else self._ids.new()
        return Thread(fresh, person.id, bot_id, "web", title, now, now)

    def _post(
        self,
        person: Person,
        thread_id: str,
        new_thread: Thread | None,
        message_id: str,
        text: str,
        once: Once | None,
    ) -> Posted:
        run_id = self._ids.new()
        new = NewQuestion(
            owner_id=person.id,
            thread_id=new_thread.id if new_thread else thread_id,
            new_thread=new_thread,
            message_id=message_id,
            text=text,
            answer_id=self._ids.new(),
            run_id=run_id,
            at=self._clock.now(),
        )
        self._runs.reserve(run_id)
        try:
            posted = write_once(self._database, once, lambda db: stored_runs.post_question(db, new))
        except BaseException:  # cleaned up and raised on - whatever it was
            self._runs.release(run_id)
            raise
        if posted.created:
            self._runs.start(run_id)
        else:
            self._runs.release(run_id)
        return posted

    def _wait(self, person: Person, run_id: str, timeout_s: float) -> Message:
        subscription = self._runs.subscribe(person.id, run_id, None)
        deadline_s = self._clock.monotonic_s() + timeout_s
        while not subscription.ended:
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            match subscription.next(left_s):
                case DoneEvent(_, message, _):
                    return message
                case ErrorEvent(_, "not_found", sentence):
                    raise NotFound(sentence)
                case ErrorEvent(_, code, sentence):
                    raise Unavailable(sentence, code=code, retry_after_s=5)
                case RestartEvent():
                    raise Unavailable("Roost is restarting. The answer comes after it.", retry_after_s=5)
                case _:
                    continue
        raise Unavailable("The answer takes too long. It will stand in the conversation.", retry_after_s=30)


def _title(title: str) -> str:
    return check_text(title, field="title", limit=TITLE_LIMIT).strip()


def _id_of(once: Once) -> str:
    """The same request names the same question: a UUIDv7 made from the request's scope, its time kept
    aside.
    """
    named = "\0".join((once.person_id, once.method, once.path, once.key, once.body_sha256))
    digest = hashlib.sha256(named.encode()).digest()
    return uuid7(int.from_bytes(digest[:5], "big"), digest[5:15])


def _encode_cursor(*parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[str, str]:
    refusal = InvalidInput("The cursor is not one of this list's. Start without one.", field="cursor")
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise refusal from error
    match parts:
        case [str(at), str(item_id)]:
            return at, item_id
    raise refusal


def _decode_seq(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput("The cursor is not one of this list's. Start without one.", field="cursor")
    return int(cursor)
