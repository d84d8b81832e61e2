"""Conversations and runs over real storage: streams, stops, repeats, other people, a kill -9."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

import roost
from roost.clock import SystemClock, SystemIds
from roost.domain.accounts import Person, Role
from roost.domain.answers import AnswerEvent, AnswerSettings, Citation, SourcesFound, TextAdded, TextReplaced
from roost.domain.chat import MessageStatus
from roost.errors import Conflict, InvalidInput, LimitReached, NotFound, Unavailable
from roost.services.chat import Asked, Chat
from roost.services.runs import (
    ATTEMPT_STRIDE,
    DeltaEvent,
    DoneEvent,
    ErrorEvent,
    RestartEvent,
    RunEvent,
    Runs,
    RunSubscription,
    SourcesEvent,
)
from roost.storage.database import Database
from roost.storage.idempotency import Once, Replayed, StoredReply
from tests.fakes.scripted_answerer import SOURCES, ScriptedAnswerer

pytestmark = pytest.mark.integration

ANNA = Person("anna", "Anna", None, Role.MEMBER)
OTTO = Person("otto", "Otto", None, Role.OWNER)
CLOCK = SystemClock()
IDS = SystemIds(CLOCK)
ROOT = Path(roost.__file__).parents[3]


class OneBot:
    def __init__(self) -> None:
        self.deleted = False

    def answer_settings(self, bot_id: str, person_id: str) -> AnswerSettings:
        if bot_id != "bot-1" or person_id != "anna" or self.deleted:
            raise NotFound("There is no such bot.")
        return AnswerSettings(bot_id=bot_id, model="own")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    yield database
    database.close()


@pytest.fixture
def answerer() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
def runs(database: Database, answerer: ScriptedAnswerer) -> Iterator[Runs]:
    runs = Runs(database, answerer, OneBot(), CLOCK)
    yield runs
    assert runs.stop()


@pytest.fixture
def chat(database: Database, runs: Runs) -> Chat:
    return Chat(database, runs, OneBot(), CLOCK, IDS)


def heard(subscription: RunSubscription) -> list[RunEvent]:
    events: list[RunEvent] = []
    while not subscription.ended:
        event = subscription.next(5)
        assert event is not None
        events.append(event)
    return events


def seen_text(events: list[RunEvent]) -> str:
    """What a client shows: it drops its text on `sources`."""
    shown = ""
    for event in events:
        if isinstance(event, SourcesEvent):
            shown = ""
        elif isinstance(event, DeltaEvent):
            shown += event.text
    return shown


def once(key: str, body: str, path: str = "/api/x") -> Once:
    return Once(
        "anna", "POST", path, key, body, datetime.now(UTC), lambda result: StoredReply(201, repr(result))
    )


def test_a_question_is_stored_with_its_pending_answer_and_then_answered(
    chat: Chat, answerer: ScriptedAnswerer
) -> None:
    answerer.hold_before = 1
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(
        ANNA, thread.id, IDS.new(), "How do I start the machine that stands in the hall?"
    )
    assert answerer.reached.acquire(timeout=5)
    question, answer = chat.list_messages(ANNA, thread.id).items
    assert (question.role, answer.status, answer.run_id) == ("user", MessageStatus.PENDING, posted.run_id)
    answerer.released.set()
    events = heard(chat.subscribe(ANNA, posted.run_id, None))
    assert isinstance(events[0], SourcesEvent)
    assert seen_text(events) == "Press start [1]."
    done = events[-1]
    assert isinstance(done, DoneEvent)
    assert (done.message.text, done.message.citations, done.stopped) == (
        "Press start [1].",
        SOURCES[:1],
        False,
    )
    assert chat.get_thread(ANNA, thread.id).title == "How do I start the machine that stands in the…"
    ids = [event.id for event in events if event.id is not None]
    assert ids == sorted(set(ids))


def test_the_answer_is_stored_when_nobody_listens(chat: Chat) -> None:
    asked = chat.ask(ANNA, "How?")
    assert asked.answer.text == "Press start [1]."
    assert [message.text for message in chat.list_messages(ANNA, asked.thread_id).items] == [
        "How?",
        "Press start [1].",
    ]


def test_a_follow_up_carries_what_was_said(chat: Chat, answerer: ScriptedAnswerer) -> None:
    asked = chat.ask(ANNA, "How?", bot_id="bot-1")
    chat.ask(ANNA, "And then?", thread_id=asked.thread_id)
    last = answerer.questions[-1]
    assert [(turn.role, turn.text) for turn in last.context] == [
        ("user", "How?"),
        ("assistant", "Press start [1]."),
    ]
    assert (last.person, last.settings.model) == ("web:anna", "own")


def test_a_question_to_a_bot_that_was_deleted_meanwhile_is_answered_without_it(
    database: Database, answerer: ScriptedAnswerer
) -> None:
    bots = OneBot()
    runs = Runs(database, answerer, bots, CLOCK)
    chat = Chat(database, runs, bots, CLOCK, IDS)
    thread = chat.create_thread(ANNA, bot_id="bot-1").thread
    bots.deleted = True
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "How?")
    assert isinstance(heard(chat.subscribe(ANNA, posted.run_id, None))[-1], DoneEvent)
    assert answerer.questions[-1].settings == AnswerSettings()
    assert runs.stop()


def test_text_is_gathered_and_the_first_comes_at_once(chat: Chat, answerer: ScriptedAnswerer) -> None:
    answerer.pieces = tuple(TextAdded(f"{number} ") for number in range(200))
    answerer.hold_before = 1
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "Count")
    subscription = chat.subscribe(ANNA, posted.run_id, None)
    assert isinstance(subscription.next(5), SourcesEvent)
    first = subscription.next(5)
    assert isinstance(first, DeltaEvent)
    assert first.text == "0 "
    assert subscription.next(0.05) is None
    answerer.released.set()
    rest = heard(subscription)
    assert seen_text([first, *rest]) == "".join(f"{number} " for number in range(200))
    assert len(rest) < 20


def test_a_listener_that_comes_back_goes_on_where_it_was(chat: Chat, answerer: ScriptedAnswerer) -> None:
    answerer.pieces = (TextAdded("a"), TextAdded("b"), TextAdded("c"))
    answerer.hold_before = 2
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    assert answerer.reached.acquire(timeout=5)
    first = chat.subscribe(ANNA, posted.run_id, None)
    before = [first.next(5), first.next(5)]
    assert isinstance(before[1], DeltaEvent)
    answerer.released.set()
    rest = heard(chat.subscribe(ANNA, posted.run_id, before[1].id))
    assert not any(isinstance(event, SourcesEvent) for event in rest)
    assert before[1].text + seen_text(rest) == "abc"
    finished = chat.subscribe(ANNA, posted.run_id, rest[-1].id)
    assert finished.next(5) is None
    assert finished.ended
    for unknown in (7, ATTEMPT_STRIDE * 2 + 1, 10**30):
        again = heard(chat.subscribe(ANNA, posted.run_id, unknown))
        assert isinstance(again[0], SourcesEvent)
        assert seen_text(again) == "abc"


def test_a_finished_run_is_told_from_storage_by_another_process(
    chat: Chat, database: Database, answerer: ScriptedAnswerer
) -> None:
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    live = heard(chat.subscribe(ANNA, posted.run_id, None))
    later = Runs(database, answerer, OneBot(), CLOCK)
    told = heard(later.subscribe("anna", posted.run_id, live[1].id))
    assert [type(event) for event in told] == [SourcesEvent, DeltaEvent, DoneEvent]
    assert told[-1] == live[-1]
    assert later.subscribe("anna", posted.run_id, live[-1].id).next(0.01) is None
    assert len(answerer.questions) == 1


@pytest.mark.parametrize(
    ("replacing", "citations"),
    [
        ((TextReplaced("Right"),), SOURCES),
        ((TextReplaced("From the docs"), SourcesFound(SOURCES[1:]), TextReplaced("Right")), SOURCES[1:]),
    ],
)
def test_replaced_text_comes_with_its_sources_again(
    chat: Chat,
    answerer: ScriptedAnswerer,
    replacing: tuple[AnswerEvent, ...],
    citations: tuple[Citation, ...],
) -> None:
    answerer.pieces = (TextAdded("Wro"), *replacing)
    answerer.hold_before = 1
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    subscription = chat.subscribe(ANNA, posted.run_id, None)
    before = [subscription.next(5), subscription.next(5)]
    answerer.released.set()
    events = [event for event in [*before, *heard(subscription)] if event is not None]
    assert seen_text(events) == "Right"
    assert [event for event in events if isinstance(event, SourcesEvent)][-1].citations == citations


def test_a_stop_keeps_the_text_so_far(chat: Chat, answerer: ScriptedAnswerer) -> None:
    answerer.hold_before = 1
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    assert answerer.reached.acquire(timeout=5)
    chat.stop_run(ANNA, posted.run_id)
    done = heard(chat.subscribe(ANNA, posted.run_id, None))[-1]
    assert isinstance(done, DoneEvent)
    assert done.stopped
    assert chat.list_messages(ANNA, thread.id).items[1].text == "Press "
    chat.stop_run(ANNA, posted.run_id)


def test_a_fault_of_ours_is_told_and_stored(chat: Chat, answerer: ScriptedAnswerer) -> None:
    answerer.fails = True
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    [error] = heard(chat.subscribe(ANNA, posted.run_id, None))
    assert isinstance(error, ErrorEvent)
    assert error.message == "The answer could not be made. Ask again."
    assert chat.list_messages(ANNA, thread.id).items[1].status is MessageStatus.FAILED
    with pytest.raises(Unavailable):
        chat.ask(ANNA, "?")


def test_the_same_message_again_is_one_and_another_under_its_id_is_refused(
    chat: Chat, answerer: ScriptedAnswerer
) -> None:
    thread, message_id = chat.create_thread(ANNA).thread, IDS.new()
    first = chat.post_message(ANNA, thread.id, message_id, "How?")
    again = chat.post_message(ANNA, thread.id, message_id.upper(), "How?")
    assert (first.created, again.created) == (True, False)
    assert (first.message, first.run_id) == (again.message, again.run_id)
    with pytest.raises(Conflict) as other_text:
        chat.post_message(ANNA, thread.id, message_id, "Why?")
    with pytest.raises(Conflict) as other_owner:
        chat.post_message(OTTO, chat.create_thread(OTTO).thread.id, message_id, "How?")
    assert other_text.value.code == other_owner.value.code == "id_taken"
    heard(chat.subscribe(ANNA, first.run_id, None))
    assert len(answerer.questions) == 1


def test_a_request_sent_again_under_its_key_is_replayed(chat: Chat, answerer: ScriptedAnswerer) -> None:
    thread = chat.create_thread(ANNA).thread
    body = once("k1", "sha")
    chat.post_message(ANNA, thread.id, IDS.new(), "How?", body)
    with pytest.raises(Replayed):
        chat.post_message(ANNA, thread.id, IDS.new(), "How?", body)
    with pytest.raises(InvalidInput):
        chat.post_message(ANNA, thread.id, IDS.new(), "Why?", once("k1", "other"))
    asked = chat.ask(ANNA, "Once?", once=once("k2", "sha"))
    with pytest.raises(Replayed):
        chat.ask(ANNA, "Once?", once=once("k2", "sha"))
    with pytest.raises(InvalidInput):
        chat.ask(ANNA, "Another under this key?", once=once("k2", "other"))
    assert isinstance(asked, Asked)
    assert "Another under this key?" not in [question.text for question in answerer.questions]
    assert [question.text for question in answerer.questions].count("Once?") == 1


def test_threads_by_client_id_are_made_once(chat: Chat) -> None:
    thread_id = IDS.new()
    assert chat.create_thread(ANNA, thread_id=thread_id).created
    assert not chat.create_thread(ANNA, thread_id=thread_id).created
    with pytest.raises(Conflict):
        chat.create_thread(OTTO, thread_id=thread_id)
    with pytest.raises(InvalidInput):
        chat.create_thread(ANNA, thread_id=str(uuid4()))
    with pytest.raises(NotFound):
        chat.create_thread(ANNA, bot_id="bot-2")
    with pytest.raises(NotFound):
        chat.create_thread(OTTO, bot_id="bot-1")


def test_other_peoples_conversations_are_not_found(chat: Chat) -> None:
    """Hostile case 43. Hostile case 45."""
    asked = chat.ask(ANNA, "Mine?")
    run_id = chat.list_messages(ANNA, asked.thread_id).items[1].run_id
    assert run_id is not None
    attempts: list[Callable[[], object]] = [
        lambda: chat.get_thread(OTTO, asked.thread_id),
        lambda: chat.rename_thread(OTTO, asked.thread_id, "x"),
        lambda: chat.delete_thread(OTTO, asked.thread_id),
        lambda: chat.list_messages(OTTO, asked.thread_id),
        lambda: chat.post_message(OTTO, asked.thread_id, IDS.new(), "x"),
        lambda: chat.ask(OTTO, "x", thread_id=asked.thread_id),
        lambda: chat.subscribe(OTTO, run_id, None),
        lambda: chat.stop_run(OTTO, run_id),
        lambda: chat.give_feedback(OTTO, asked.answer.id, "up"),
        lambda: chat.export_thread(OTTO, asked.thread_id, "md"),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert chat.list_threads(OTTO).items == ()
    assert len(chat.list_messages(ANNA, asked.thread_id).items) == 2


def test_threads_are_listed_the_last_used_first_page_by_page(chat: Chat) -> None:
    made = [chat.create_thread(ANNA, title=f"T{number}").thread.id for number in range(7)]
    chat.rename_thread(ANNA, made[0], "Renamed, not used")
    listed: list[str] = []
    cursor = None
    while True:
        page = chat.list_threads(ANNA, cursor=cursor, limit=3)
        listed.extend(thread.id for thread in page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert listed == made[::-1]
    for wrong in ("x", "W10", "eyJhIjoxfQ", "é", "[" * 4000, "WzEsMl0"):
        with pytest.raises(InvalidInput):
            chat.list_threads(ANNA, cursor=wrong)
    with pytest.raises(InvalidInput):
        chat.list_messages(ANNA, made[0], cursor="1e9")


def test_a_deleted_conversation_is_gone_also_while_it_is_answered(
    chat: Chat, answerer: ScriptedAnswerer, database: Database
) -> None:
    """Defect 13: no message of a deleted conversation is left."""
    answerer.hold_before = 1
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "A secret?")
    subscription = chat.subscribe(ANNA, posted.run_id, None)
    assert answerer.reached.acquire(timeout=5)
    chat.delete_thread(ANNA, thread.id)
    last = heard(subscription)[-1]
    assert isinstance(last, ErrorEvent)
    assert last.code == "not_found"
    with database.read() as db:
        assert db.execute(
            text("SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM runs)")
        ).one() == (0, 0)


def test_feedback_is_kept_with_the_evidence_of_its_answer(chat: Chat, database: Database) -> None:
    asked = chat.ask(ANNA, "How?")
    chat.give_feedback(ANNA, asked.answer.id, "up")
    chat.give_feedback(ANNA, asked.answer.id, "down", "It is wrong.")
    with database.read() as db:
        row = db.execute(
            text(
                "SELECT f.thumb, f.reason, m.evidence FROM feedback f JOIN messages m ON m.id = f.message_id"
            )
        ).one()
    assert (row.thumb, row.reason) == ("down", "It is wrong.")
    assert json.loads(row.evidence)["chunks"] == [["c1", 0.9]]
    question = chat.list_messages(ANNA, asked.thread_id).items[0]
    with pytest.raises(InvalidInput):
        chat.give_feedback(ANNA, question.id, "up")


def test_what_the_docs_do_not_say_is_noted_once(
    chat: Chat, answerer: ScriptedAnswerer, database: Database
) -> None:
    answerer.refuses = True
    for question in ("What of tomatoes?", "hello", "What of cucumbers?"):
        chat.ask(ANNA, question)
    with database.read() as db:
        rows = db.execute(text("SELECT topic, outcome FROM questions ORDER BY answer_id")).all()
    assert [tuple(row) for row in rows] == [
        ("tomatoe", "unanswered"),
        ("hello", "none"),
        ("cucumber", "unanswered"),
    ]


NAUGHTY = [
    "<script>alert(1)</script>",
    "Ω≈ç√∫",
    "ﷺ",
    "'; DROP TABLE messages;--",
    "\u202ereversed",
    "\n\ndata: x",
    "👩‍👩‍👧",
    "%s%n",
    "\u200b x",
]


def test_naughty_texts_come_back_as_they_went(chat: Chat, answerer: ScriptedAnswerer) -> None:
    for naughty in NAUGHTY:
        answerer.pieces = (TextAdded(naughty),)
        asked = chat.ask(ANNA, naughty)
        assert chat.list_messages(ANNA, asked.thread_id).items[0].text == naughty
        assert asked.answer.text == naughty
        assert (
            naughty
            in json.loads(chat.export_thread(ANNA, asked.thread_id, "json").body)["messages"][0]["text"]
        )
        assert naughty in chat.export_thread(ANNA, asked.thread_id, "md").body
        assert asked.thread_id in [found.id for found in chat.list_threads(ANNA, query=naughty).items]
    for refused in ("", "  ", "a\0b", "\ud800", "x" * 16_001):
        with pytest.raises(InvalidInput):
            chat.ask(ANNA, refused)


def test_too_many_questions_are_refused_and_nothing_of_them_is_stored(
    database: Database, answerer: ScriptedAnswerer
) -> None:
    answerer.hold_before = 0
    runs = Runs(database, answerer, OneBot(), CLOCK, threads=1, waiting=1)
    chat = Chat(database, runs, OneBot(), CLOCK, IDS)
    thread = chat.create_thread(ANNA).thread
    for _ in range(2):
        chat.post_message(ANNA, thread.id, IDS.new(), "?")
    with pytest.raises(LimitReached):
        chat.post_message(ANNA, thread.id, IDS.new(), "one too many")
    assert len(chat.list_messages(ANNA, thread.id).items) == 4
    answerer.released.set()
    assert runs.stop()


def test_fifty_questions_at_once_are_answered(chat: Chat) -> None:
    thread = chat.create_thread(ANNA).thread
    answers: list[Asked] = []
    threads = [
        threading.Thread(target=lambda: answers.append(chat.ask(ANNA, "?", thread_id=thread.id)))
        for _ in range(50)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert len(answers) == 50
    assert len(chat.list_messages(ANNA, thread.id, limit=200).items) == 100


def test_a_stop_of_roost_tells_listeners_at_once_and_the_next_start_answers(
    database: Database, answerer: ScriptedAnswerer
) -> None:
    answerer.hold_before = 1
    runs = Runs(database, answerer, OneBot(), CLOCK)
    chat = Chat(database, runs, OneBot(), CLOCK, IDS)
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "?")
    assert answerer.reached.acquire(timeout=5)
    subscription = chat.subscribe(ANNA, posted.run_id, None)
    assert isinstance(subscription.next(5), SourcesEvent)
    heard_last: list[tuple[RunEvent, float]] = []

    def listen() -> None:
        heard_last.append((heard(subscription)[-1], time.monotonic()))

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.15)
    stopped_at = time.monotonic()
    assert runs.stop()
    listener.join(5)
    assert isinstance(heard_last[0][0], RestartEvent)
    assert heard_last[0][1] - stopped_at < 0.5
    assert chat.list_messages(ANNA, thread.id).items[1].status is MessageStatus.PENDING
    with pytest.raises(Unavailable):
        chat.post_message(ANNA, thread.id, IDS.new(), "too late")

    successor = Runs(database, ScriptedAnswerer(), OneBot(), CLOCK)
    waiting = successor.subscribe("anna", posted.run_id, ATTEMPT_STRIDE + 1)
    assert successor.resume_unfinished() == 1
    events = heard(waiting)
    assert seen_text(events) == "Press start [1]."
    assert isinstance(events[0], SourcesEvent)
    assert events[0].id > 2 * ATTEMPT_STRIDE
    assert successor.stop()


def test_a_question_that_kills_roost_each_time_is_given_up(
    database: Database, answerer: ScriptedAnswerer, chat: Chat
) -> None:
    answerer.hold_before = 0
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "poison")
    assert answerer.reached.acquire(timeout=5)
    database.write(lambda db: db.execute(text("UPDATE runs SET attempt = 10")))
    successor = Runs(database, ScriptedAnswerer(), OneBot(), CLOCK)
    assert successor.resume_unfinished() == 1
    last = heard(successor.subscribe("anna", posted.run_id, None))[-1]
    assert isinstance(last, ErrorEvent)
    assert "cut off each time" in last.message
    assert successor.stop()


def test_every_question_in_flight_at_a_kill_is_answered_exactly_once(tmp_path: Path) -> None:
    """Five are answered before the kill, ten are held by the model; all fifteen have one answer after
    the restart.
    """
    script = [sys.executable, "-m", "tests.fakes.chat_process", str(tmp_path / "conversations.db")]
    environment = {"PYTHONPATH": f"{ROOT / 'cloud' / 'backend'}:{ROOT}"}
    with subprocess.Popen(
        [*script, "ask", "5", "10"], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as first:
        assert first.stdout is not None
        acknowledged = [first.stdout.readline().split() for _ in range(15)]
        assert first.stdout.readline() == "held\n"
        first.kill()
    assert [state for _, state in acknowledged] == ["answered"] * 5 + ["stored"] * 10
    done = subprocess.run(
        [*script, "resume"], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=30, check=True
    )
    assert done.stdout == "resumed 10\n"
    again = subprocess.run(
        [*script, "resume"], capture_output=True, text=True, cwd=ROOT, env=environment, timeout=30, check=True
    )
    assert again.stdout == "resumed 0\n"
    database = Database(tmp_path / "conversations.db", "conversations")
    database.open()
    with database.read() as db:
        rows = db.execute(
            text(
                "SELECT q.id, a.text, a.status, r.attempt FROM messages q JOIN runs r ON r.question_id = q.id"
                " JOIN messages a ON a.thread_id = q.thread_id AND a.seq = q.seq + 1 ORDER BY q.seq"
            )
        ).all()
        total = db.execute(text("SELECT count(*) FROM messages")).scalar_one()
    database.close()
    assert [row.id for row in rows] == [message_id for message_id, _ in acknowledged]
    assert total == 30
    assert {(row.text, row.status) for row in rows} == {("Press start [1].", "done")}
    assert [row.attempt for row in rows] == [1] * 5 + [2] * 10


def fill_disk(database: Database, full: bool) -> None:
    """SQLite refuses to grow the file, as on a full disk; what shrinks it is still taken."""

    def limit(db: Connection) -> None:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
        db.exec_driver_sql(f"PRAGMA max_page_count={pages if full else 1_000_000}")

    database.write(limit)


def test_an_answer_that_finds_no_room_is_stored_once_there_is_some(database: Database) -> None:
    answerer = ScriptedAnswerer(TextAdded("long " * 4000))
    answerer.hold_before = 0
    runs = Runs(database, answerer, OneBot(), CLOCK, retry_first_s=0.01)
    chat = Chat(database, runs, OneBot(), CLOCK, IDS)
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "How do I start?")
    assert answerer.reached.acquire(timeout=5)
    fill_disk(database, True)
    subscription = runs.subscribe("anna", posted.run_id, None)
    answerer.released.set()
    while isinstance(event := subscription.next(0.5), SourcesEvent | DeltaEvent):
        pass
    assert event is None, "nobody is told of an end before there is one"
    fill_disk(database, False)
    events = heard(subscription)
    assert isinstance(events[-1], DoneEvent)
    assert len(answerer.questions) == 1
    assert runs.stop()


def test_an_answer_that_storage_refuses_to_begin_is_made_later(database: Database) -> None:
    answerer = ScriptedAnswerer()
    answerer.fails = answerer.refuses = True
    runs = Runs(database, answerer, OneBot(), CLOCK, retry_first_s=0.01)
    chat = Chat(database, runs, OneBot(), CLOCK, IDS)
    thread = chat.create_thread(ANNA).thread
    posted = chat.post_message(ANNA, thread.id, IDS.new(), "How do I start?")
    subscription = runs.subscribe("anna", posted.run_id, None)
    while len(answerer.questions) < 3:
        assert subscription.next(0.01) is None
    answerer.fails = answerer.refuses = False
    events = heard(subscription)
    assert seen_text(events) == "Press start [1]."
    assert isinstance(events[-1], DoneEvent)
    assert runs.stop()
