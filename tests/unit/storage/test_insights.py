"""Counting what was asked: grouped, bounded by a period, and by whose questions may be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost.clock import SystemIds
from roost.domain.answers import Answer, Citation, Evidence
from roost.domain.chat import MessageStatus, Thread
from roost.domain.insights import Choice, Sight
from roost.storage import chat, insights, personal_data, visits
from roost.storage.database import Database, Transaction
from roost.storage.migrations import migrations
from tests.fakes.installation import SteppedClock

NOON = datetime(2030, 1, 10, 12, tzinfo=UTC)
MONTH = Choice(NOON - timedelta(days=30), NOON + timedelta(days=1))
CHIEF = Sight("chief", everything=True)
PERCH = Citation(1, "Perches > Set up", "https://docs.test/perch#set-up", "Use it.")
ANSWER = Answer(
    "Use it [1].",
    (PERCH, replace(PERCH, n=2, url="https://docs.test/perch#more")),
    (),
    refused=False,
    model=None,
    notice=None,
    tokens_used=0,
    evidence=Evidence(1, "q", ()),
)
REFUSAL = replace(ANSWER, text="The docs don't say.", citations=(), nearest=(PERCH,), refused=True)
NOT_READY = replace(REFUSAL, evidence=None, nearest=())


class Talk:
    """Things said at times of a test's choice."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SteppedClock()
        self.ids = SystemIds(self.clock)

    def chat(
        self,
        question: str,
        answer: Answer = ANSWER,
        *,
        person: str = "telegram:1",
        bot: str = "bot",
        at: datetime = NOON,
    ) -> str:
        answer_id = self.ids.new()
        exchange = chat.Exchange(
            bot_id=bot,
            platform="telegram",
            chat_key=person,
            thread_id=self.ids.new(),
            question_id=self.ids.new(),
            answer_id=answer_id,
            question=question,
            answer=answer,
            asked_at=at,
            answered_at=at,
            person=person,
        )
        self.database.write(lambda db: chat.record_exchange(db, exchange))
        return answer_id

    def browser(self, owner_id: str, question: str, answer: Answer = ANSWER) -> str:
        thread = Thread(self.ids.new(), owner_id, None, "web", "Talk", NOON, NOON)
        answer_id = self.ids.new()

        def store(db: Transaction) -> None:
            chat.create_thread(db, thread)
            chat.add_user_message(db, self.ids.new(), thread.id, question, NOON)
            chat.add_pending_answer(db, answer_id, thread.id, None, NOON)
            chat.finish_answer(db, answer_id, answer, MessageStatus.DONE)

        self.database.write(store)
        return answer_id

    def site(self, widget_id: str, question: str, answer: Answer = ANSWER) -> None:
        visit = visits.Visit(widget_id, None, self.ids.new())
        exchange = visits.VisitorExchange(visit, self.ids.new(), self.ids.new(), question, answer, NOON)
        self.database.write(lambda db: visits.record(db, exchange))

    def asked(self, sight: Sight = CHIEF, choice: Choice = MONTH) -> dict[str, int]:
        with self.database.read() as db:
            return {topic.question: topic.times for topic in insights.asked_topics(db, sight, choice, 20)}

    def unanswered(self, sight: Sight = CHIEF, choice: Choice = MONTH) -> dict[str, int]:
        with self.database.read() as db:
            return {
                topic.question: topic.times for topic in insights.unanswered_topics(db, sight, choice, 20)
            }


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    database = Database(tmp_path / "conversations.db", "conversations", "NORMAL")
    database.open()
    yield Talk(database)
    database.close()


def test_the_same_question_in_other_words_counts_as_one_and_is_shown_as_it_was_put_last(talk: Talk) -> None:
    talk.chat("How do I add a bot?", at=NOON - timedelta(hours=2))
    talk.chat("adding bots", at=NOON)
    talk.chat("How to add a bot", at=NOON - timedelta(hours=1))
    talk.chat("When do I feed the birds?")
    assert talk.asked() == {"adding bots": 3}


def test_what_the_docs_do_not_say_and_what_is_no_question(talk: Talk) -> None:
    talk.chat("Do you sell cages?", REFUSAL)
    talk.chat("do you sell cages", REFUSAL, person="telegram:2")
    talk.chat("hi", REFUSAL)
    talk.chat("Is it ready?", NOT_READY)
    assert talk.unanswered() == {"do you sell cages": 2}
    with talk.database.read() as db:
        [day] = insights.count_days(db, CHIEF, MONTH)
    assert (day.day, day.answered, day.unanswered) == ("2030-01-10", 0, 2)


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(talk: Talk) -> None:
    for at in (NOON - timedelta(milliseconds=1), NOON, NOON + timedelta(hours=1)):
        talk.chat("Do you sell cages?", REFUSAL, at=at)
    assert talk.unanswered(choice=Choice(NOON, NOON + timedelta(hours=1))) == {"Do you sell cages?": 1}


def test_members_see_their_bots_and_widgets_and_themselves_only(talk: Talk) -> None:
    talk.chat("On mine?", REFUSAL, bot="mine")
    talk.chat("On another's?", REFUSAL, bot="other")
    talk.browser("member", "By myself?", REFUSAL)
    talk.browser("guest", "By a guest?", REFUSAL)
    talk.site("my site", "On my site?", REFUSAL)
    talk.site("other site", "On another site?", REFUSAL)
    sight = Sight("member", everything=False, bot_ids=("mine",), widget_ids=("my site",))
    assert set(talk.unanswered(sight)) == {"On mine?", "By myself?", "On my site?"}
    assert len(talk.unanswered()) == 6
    with talk.database.read() as db:
        listed = insights.list_unanswered(db, sight, before_id=None, limit=10)
        nobody = insights.list_unanswered(db, Sight("x", everything=False), before_id=None, limit=10)
    assert [each.question for each in listed] == ["On my site?", "By myself?", "On mine?"]
    assert nobody == []


def test_what_one_person_alone_asks_here_is_not_among_what_others_see_asked(talk: Talk) -> None:
    talk.browser("anna", "How do I hide a budget?")
    talk.browser("anna", "How do I hide a budget?")
    assert talk.asked() == {}
    assert talk.asked(Sight("anna", everything=False)) == {"How do I hide a budget?": 2}
    talk.browser("boris", "how to hide a budget")
    assert talk.asked() == {"how to hide a budget": 3}


def test_pages_are_counted_once_an_answer_and_by_source(talk: Talk) -> None:
    judged = talk.chat("How do I set up a perch?")
    talk.chat("And how again?")
    talk.chat("Do you sell cages?", REFUSAL)
    talk.database.write(lambda db: chat.set_feedback(db, judged, "down", "It is wrong", NOON))
    with talk.database.read() as db:
        [page] = insights.cited_pages(db, CHIEF, MONTH, 20)
        assert (page.page, page.title, page.times, page.thumbs_down) == (
            "https://docs.test/perch",
            "Perches",
            2,
            1,
        )
        [thumb] = insights.thumbs_down(db, CHIEF, MONTH, 20)
        assert (thumb.question, thumb.reason) == ("How do I set up a perch?", "It is wrong")
        assert insights.count_thumbs(db, CHIEF, MONTH) == (0, 1)
        about = replace(MONTH, pages=("https://docs.test/perch",))
        elsewhere = replace(MONTH, pages=("https://docs.test/nest",))
        assert len(insights.cited_pages(db, CHIEF, about, 20)) == 1
        assert insights.cited_pages(db, CHIEF, elsewhere, 20) == []
    assert talk.unanswered(choice=about) == {"Do you sell cages?": 1}
    assert talk.unanswered(choice=elsewhere) == {}


def test_thumbs_down_of_one_moment_are_read_bit_by_bit(talk: Talk) -> None:
    asked = [talk.chat(f"Why {number}?") for number in range(5)]

    def judge(db: Transaction) -> None:
        for answer_id in asked:
            chat.set_feedback(db, answer_id, "down", None, NOON)

    talk.database.write(judge)
    with talk.database.read() as db:
        whole = insights.thumbs_down(db, CHIEF, MONTH, 20)
        first = insights.thumbs_down(db, CHIEF, MONTH, 3)
        assert first + insights.thumbs_down(db, CHIEF, MONTH, 3, first[-1]) == whole
        assert len(whole) == 5


def test_what_is_deleted_is_no_longer_counted(talk: Talk) -> None:
    talk.chat("Do you sell cages?", REFUSAL)
    talk.chat("Do you sell cages?", REFUSAL, person="telegram:2", at=NOON - timedelta(days=20))
    talk.database.write(lambda db: personal_data.forget_person(db, "telegram:1", None, None))
    assert talk.unanswered() == {"Do you sell cages?": 1}
    talk.database.write(lambda db: personal_data.forget_said_before(db, NOON - timedelta(days=10)))
    assert talk.unanswered() == {}


def test_what_was_asked_before_there_were_insights_is_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "conversations.db"
    with closing(sqlite3.connect(path)) as old:
        for migration in migrations("conversations")[:3]:
            old.executescript(migration.sql)
        old.execute("PRAGMA user_version=3")
        old.executescript(
            """
            INSERT INTO threads (id, bot_id, platform, chat_key, title, created_at, updated_at)
                VALUES ('t', 'bot', 'telegram', '1', 'T', '2030', '2030');
            INSERT INTO messages (id, thread_id, seq, role, text, status, created_at)
                VALUES ('q1', 't', 1, 'user', 'Cages?', 'done', '2030-01-10T12:00:00.000Z');
            INSERT INTO messages (id, thread_id, seq, role, text, status, refused, evidence, nearest,
                        created_at)
                VALUES ('a1', 't', 2, 'assistant', 'No', 'done', 1, '{}',
                        '[[1,"Perches","https://d.test/p#x",""]]', '2030-01-10T12:00:00.000Z');
            INSERT INTO messages (id, thread_id, seq, role, text, status, created_at)
                VALUES ('q2', 't', 3, 'user', 'Perch?', 'done', '2030-01-10T12:00:00.000Z');
            INSERT INTO messages (id, thread_id, seq, role, text, status, citations, created_at)
                VALUES ('a2', 't', 4, 'assistant', 'Yes', 'done', '[[1,"Perches","https://d.test/p#y",""],
                        [2,"Perches","https://d.test/p#z",""]]', '2030-01-10T12:00:00.000Z');
            INSERT INTO unanswered (id, question, platform, created_at)
                VALUES ('a1', 'Cages?', 'telegram', '2030');
            """
        )
    database = Database(path, "conversations", "NORMAL")
    database.open()
    try:
        talk = Talk(database)
        assert talk.unanswered() == {"Cages?": 1}
        with database.read() as db:
            assert [(each.page, each.times) for each in insights.cited_pages(db, CHIEF, MONTH, 9)] == [
                ("https://d.test/p", 1)
            ]
    finally:
        database.close()
