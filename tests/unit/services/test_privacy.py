"""What is kept of people goes when they say so, and when it is old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.clock import SystemIds
from roost.domain.answers import Answer, AnswerSettings, Evidence, Question
from roost.domain.chat import Thread
from roost.errors import Forbidden, LimitReached, NotFound
from roost.services.chat_feedback import ChatFeedback
from roost.services.inbox import Inbox
from roost.services.privacy import Privacy
from roost.services.spending import Spending
from roost.storage import chat
from roost.storage.database import Database
from roost.storage.inbox import FORGOTTEN, InboxEntry, Update
from roost.storage.personal_data import BATCH

ANNA, BORIS = "telegram:1", "discord:2"


class Calendar:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = Calendar()
        self.database = Database(folder / "conversations.db", "conversations", "NORMAL")
        self.database.open()
        self.ids = SystemIds(self.clock)
        self.inbox = Inbox(self.database, self.clock, self.ids)
        self.spending = Spending(self.database, self.clock, 3, None)
        self.feedback = ChatFeedback(self.database, self.clock)
        self.next_update = 0

    def privacy(self, retention_days: int | None = None) -> Privacy:
        return Privacy(self.database, self.spending, self.clock, retention_days)

    def receive(self, person: str, bot: str = "bot") -> InboxEntry:
        self.next_update += 1
        update = Update(self.next_update, f"chat of {person}", "{}", person)
        return self.inbox.receive(bot, [update]).result()[0]

    def exchange(self, person: str, question: str, bot: str = "bot") -> str:
        """A question and its answer, delivered; returns the answer's id."""
        entry, answer_id = self.receive(person, bot), self.inbox.new_answer_id()
        self.inbox.record_answer(
            bot, "telegram", entry, question, ANSWER, ["part"], opened=False, answer_id=answer_id
        ).result()
        self.inbox.mark_sent(bot, entry.update.update_id, 0, last=True).result()
        return answer_id

    def count(self, table: str) -> int:
        with self.database.read() as db:
            return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 - a test's own

    def everything(self) -> dict[str, int]:
        tables = ("threads", "messages", "feedback", "questions", "inbox", "replies")
        return {table: self.count(table) for table in tables}


ANSWER = Answer(
    "The docs don't say.",
    (),
    (),
    refused=True,
    model=None,
    notice=None,
    tokens_used=0,
    evidence=Evidence(1, "q", ()),
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.database.close()


def question_of(person: str) -> Question:
    return Question("q", person, "telegram", AnswerSettings(bot_id="bot"))


def test_a_person_is_forgotten_and_others_are_not(house: House) -> None:
    house.feedback.judge("bot", ANNA, house.exchange(ANNA, "one"), "up")
    house.feedback.judge("bot", BORIS, house.exchange(BORIS, "two"), "down")
    house.exchange(ANNA, "three", "other bot")
    forgotten = house.privacy().forget_person(ANNA, bot_id="bot")
    assert (forgotten.messages, forgotten.updates) == (2, 1)
    assert house.everything() == {
        "threads": 2, "messages": 4, "feedback": 1, "questions": 2, "inbox": 2, "replies": 2
    }  # fmt: skip
    house.privacy().forget_person(ANNA)
    assert house.count("threads") == 1
    assert house.privacy().forget_person(ANNA) == house.privacy().forget_person("nobody:0")


def test_forgetting_is_no_way_round_the_daily_limit(house: House) -> None:
    for _ in range(3):
        house.spending.reserve(question_of(ANNA))
    house.privacy().forget_person(ANNA)
    assert house.count("daily_use") == 0
    with pytest.raises(LimitReached):
        house.spending.reserve(question_of(ANNA))
    assert house.spending.today(ANNA, "bot").questions == 3
    house.spending.reserve(question_of(BORIS))
    house.clock.at += timedelta(days=1)
    house.spending.reserve(question_of(ANNA))
    assert house.spending.today(ANNA, "bot").questions == 1


def test_what_is_under_way_for_somebody_forgotten_is_not_stored(house: House) -> None:
    entry = house.receive(ANNA)
    house.privacy().forget_person(ANNA)
    with pytest.raises(NotFound) as answering:
        house.inbox.record_answer("bot", "telegram", entry, "q", ANSWER, ["p"], opened=True).result()
    with pytest.raises(NotFound) as noticing:
        house.inbox.record_notice("bot", entry, ["p"], opened=True)
    assert (answering.value.code, noticing.value.code) == (FORGOTTEN, FORGOTTEN)
    assert set(house.everything().values()) == {0}


def test_the_update_that_asked_stays_as_a_number_only(house: House) -> None:
    entry = house.receive(ANNA)
    number = entry.update.update_id
    house.privacy().forget_person(ANNA, bot_id="bot", asked_by_update=number)
    assert house.count("inbox") == 1
    house.privacy().forget_update("bot", number)
    with house.database.read() as db:
        row = db.execute(text("SELECT payload, chat_key, person, status FROM inbox")).one()
    assert tuple(row) == ("{}", "", "", "dropped")
    assert house.inbox.receive("bot", [entry.update]).result() == []


def test_only_who_asked_judges_an_answer_of_this_bot(house: House) -> None:
    answer = house.exchange(ANNA, "one")
    with pytest.raises(Forbidden):
        house.feedback.judge("bot", BORIS, answer, "down")
    for bot, wanted in (("other", answer), ("bot", "no-such-id")):
        with pytest.raises(NotFound):
            house.feedback.judge(bot, ANNA, wanted, "down")
    assert house.count("feedback") == 0


def test_without_retention_nothing_goes(house: House) -> None:
    house.exchange(ANNA, "one")
    house.clock.at += timedelta(days=4_000)
    assert house.privacy().forget_expired() == 0
    assert house.count("messages") == 2


def test_what_is_older_than_the_retention_goes_in_the_browser_too(house: House) -> None:
    old = house.clock.at
    thread = Thread(house.ids.new(), "owner", None, "web", "Old", old, old)
    house.database.write(lambda db: chat.create_thread(db, thread))
    message_id = house.ids.new()
    house.database.write(lambda db: chat.add_user_message(db, message_id, thread.id, "old", old))
    house.feedback.judge("bot", ANNA, house.exchange(ANNA, "old"), "up")
    house.clock.at += timedelta(days=29)
    assert house.privacy(30).forget_expired() == 0
    house.exchange(BORIS, "young")
    under_way = house.receive(ANNA)
    house.clock.at += timedelta(days=2)
    assert house.privacy(30).forget_expired() > 0
    assert house.everything() == {
        "threads": 1, "messages": 2, "feedback": 0, "questions": 1, "inbox": 2, "replies": 1
    }  # fmt: skip
    assert house.inbox.take_up("bot")[0].update == under_way.update
    assert house.privacy(30).forget_expired() == 0


def test_a_conversation_that_goes_on_loses_its_old_messages_only(house: House) -> None:
    house.exchange(ANNA, "old")
    house.clock.at += timedelta(days=31)
    house.exchange(ANNA, "young")
    house.privacy(30).forget_expired()
    house.exchange(ANNA, "younger")
    with house.database.read() as db:
        rows = db.execute(text("SELECT text FROM messages WHERE role = 'user' ORDER BY seq")).all()
    assert [row.text for row in rows] == ["young", "younger"]


def test_more_than_a_batch_goes_in_one_evening(house: House) -> None:
    for number in range(BATCH // 2 + 20):
        house.exchange(ANNA, f"question {number}")
    house.clock.at += timedelta(days=31)
    house.privacy(30).forget_expired()
    assert set(house.everything().values()) == {0}


def test_moved_chats_keep_their_conversations(house: House) -> None:
    for key in ("-5/0/1", "-5/7/1", "-55/0/1", "-5"):
        entry = house.inbox.receive("bot", [Update(hash(key) % 10_000, key, "{}", ANNA)]).result()[0]
        house.inbox.record_answer("bot", "telegram", entry, key, ANSWER, ["p"], opened=False).result()
    house.inbox.move_chat("bot", "-5", "-1005")
    house.inbox.move_chat("bot", "-5", "-1005")
    with house.database.read() as db:
        keys = {row.chat_key for row in db.execute(text("SELECT chat_key FROM threads"))}
    assert keys == {"-1005/0/1", "-1005/7/1", "-55/0/1", "-1005"}
    assert house.inbox.moved_chats("bot") == {"-5": "-1005"}


def test_something_is_told_once_for_each_chat(house: House) -> None:
    told = [house.inbox.tell_once("bot", chat_id, "not_allowed") for chat_id in ("1", "1", "2", "1")]
    assert told == [True, False, True, False]
