"""What people can say about answers and about what is kept of them, through the real client."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.clock import SystemClock
from roost.domain import chat_wording
from roost.domain.answers import Answer, Evidence
from roost.domain.bots import Status
from roost.services.live_events import BotChanged
from roost.storage import daily_use
from roost.telegrambot import wording
from tests.fakes.bot_house import OWNER, BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
NAME = "@bot7000001_bot"
CHAT, OTHER, GROUP = 41, 42, -1_000_000_000_041
UP, DOWN = chat_wording.THUMB_UP, chat_wording.THUMB_DOWN


@pytest.fixture
def answerer() -> FixedAnswerer:
    return FixedAnswerer()


@pytest.fixture
def house(tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer) -> Iterator[BotHouse]:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, answerer) as running:
        running.wait_for_status(running.add_bot(1).bot.id, Status.RUNNING)
        yield running


def ask(telegram: FakeTelegram, said: str, chat_id: int = CHAT, **more: object) -> int:
    """The id of the answer's message."""
    before = len(telegram.sends(TOKEN, chat_id))
    telegram.text(TOKEN, chat_id, said, **more)
    wait_until(lambda: len(telegram.sends(TOKEN, chat_id)) > before)
    return int(
        [send for send in telegram.state(TOKEN)["sends"] if send["chat_id"] == chat_id][-1]["message_id"]
    )


def press(telegram: FakeTelegram, message_id: int, chat_id: int = CHAT, **more: object) -> str:
    """Presses a button, and returns what the person is told."""
    press_id = telegram.press(TOKEN, chat_id, message_id, **more)

    def told() -> list[str]:
        return [each["text"] for each in telegram.state(TOKEN)["press_answers"] if each["id"] == press_id]

    wait_until(lambda: bool(told()))
    return told()[0]


def thumbs(house: BotHouse) -> list[str]:
    with house.conversations.read() as db:
        return [row.thumb for row in db.execute(text("SELECT thumb FROM feedback"))]


def labels(telegram: FakeTelegram, chat_id: int, message_id: int) -> list[str]:
    found = telegram.control("messages", token=TOKEN, chat_id=chat_id)["messages"]
    message = next(each for each in found if each["message_id"] == message_id)
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def test_a_thumb_is_stored_shown_and_may_be_changed(house: BotHouse, telegram: FakeTelegram) -> None:
    answer = ask(telegram, "How?")
    assert labels(telegram, CHAT, answer) == [UP, DOWN]
    assert press(telegram, answer, label=UP) == wording.THANKS["up"]
    assert thumbs(house) == ["up"]
    assert press(telegram, answer, label=DOWN) == wording.THANKS["down"]
    assert thumbs(house) == ["down"]
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 2})
    assert house.registry.page(OWNER, None, 10).items[0].messages_today == 1


def test_the_chosen_thumb_is_marked_when_the_chat_has_room(house: BotHouse, telegram: FakeTelegram) -> None:
    answer = ask(telegram, "How?")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    time.sleep(1.1)
    press(telegram, answer, label=UP)
    wait_until(lambda: labels(telegram, CHAT, answer) == [f"{wording.CHOSEN} {UP}", DOWN])


def test_thumbs_stand_under_the_last_part_and_under_an_answer_that_grew(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(50)), 0.06
    answerer.answer_made = lambda question: _answer("\n\n".join(["words " * 300] * 4))
    telegram.text(TOKEN, CHAT, "long!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    messages = [
        m for m in telegram.control("messages", token=TOKEN, chat_id=CHAT)["messages"] if m["message_id"] > 1
    ]
    assert len(messages) >= 2
    assert ["reply_markup" in message for message in messages] == [False] * (len(messages) - 1) + [True]
    assert press(telegram, messages[-1]["message_id"], label=DOWN) == wording.THANKS["down"]


def test_a_press_under_an_old_message_counts_after_a_restart(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        answer = ask(telegram, "How?")
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    with bot_house(tmp_path, telegram.url) as house:
        assert press(telegram, answer, label=UP, inaccessible=True) == wording.THANKS["up"]
        assert thumbs(house) == ["up"]


def test_a_press_that_is_answered_too_late_counts_all_the_same(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    answer = ask(telegram, "How?")
    telegram.press(TOKEN, CHAT, answer, label=DOWN, too_late=True)
    wait_until(lambda: thumbs(house) == ["down"])
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})


def test_only_who_asked_judges_and_forged_presses_change_nothing(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    answer = ask(telegram, f"{NAME} how?", GROUP, user_id=CHAT)
    assert "Only the person who asked" in press(telegram, answer, GROUP, label=UP, user_id=OTHER)
    unknown = "0190a1b2-0000-7000-8000-000000000000"
    for data in ("", "up:", f"up:{unknown}", "up:' OR 1=1 --", "sideways:1", "forget:", "x" * 200):
        assert press(telegram, answer, GROUP, data=data or " ", user_id=CHAT) == chat_wording.GONE
    assert thumbs(house) == []
    assert press(telegram, answer, GROUP, label=UP, user_id=CHAT) == wording.THANKS["up"]


def test_clear_keeps_the_history_and_says_so(house: BotHouse, telegram: FakeTelegram) -> None:
    ask(telegram, "one?")
    ask(telegram, "/clear")
    assert telegram.sends(TOKEN, CHAT)[-1] == wording.CLEARED
    assert "history" in wording.CLEARED
    with house.conversations.read() as db:
        assert db.execute(text("SELECT count(*) FROM messages")).scalar_one() == 2


def test_forget_deletes_a_persons_record_everywhere_after_a_confirmation(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer, tmp_path: Path
) -> None:
    answerer.answer_made = lambda question: _answer(f"About {question.text}", refused=True)
    press(telegram, ask(telegram, "my secret lease?"), label=UP)
    ask(telegram, f"{NAME} my secret group?", GROUP, user_id=CHAT)
    ask(telegram, "somebody else's?", OTHER)
    house.conversations.write(
        lambda db: daily_use.add(db, SystemClock().now(), "questions", f"telegram:{CHAT}", 7)
    )
    asked = ask(telegram, "/forget")
    assert press(telegram, asked, label=chat_wording.FORGET_NO) == chat_wording.KEPT
    assert _rows_about(tmp_path, "secret")
    asked = ask(telegram, "/forget")
    assert press(telegram, asked, label=chat_wording.FORGET_YES, user_id=OTHER) == chat_wording.NOT_YOURS
    assert press(telegram, asked, label=chat_wording.FORGET_YES) == chat_wording.FORGOTTEN
    wait_until(lambda: not _rows_about(tmp_path, f"telegram:{CHAT}"))
    assert _rows_about(tmp_path, "secret") == []
    assert _rows_about(tmp_path, "somebody else")
    assert thumbs(house) == []
    ask(telegram, "/stats")
    assert "You have not asked anything yet" in telegram.sends(TOKEN, CHAT)[-1]
    assert "Written answers today: 7 of 200" in telegram.sends(TOKEN, CHAT)[-1]


def test_a_confirmation_after_a_restart_deletes_and_may_be_pressed_again(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        ask(telegram, "secret?")
        asked = ask(telegram, "/forget")
        data = f"forget:{CHAT}"
    with bot_house(tmp_path, telegram.url):
        assert press(telegram, asked, data=data) == chat_wording.FORGOTTEN
        assert press(telegram, asked, data=data) == chat_wording.FORGOTTEN
        wait_until(lambda: not _rows_about(tmp_path, "secret"))


def test_an_answer_in_the_making_for_somebody_forgotten_is_not_kept(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer, tmp_path: Path
) -> None:
    asked = ask(telegram, "/forget")
    answerer.hold()
    telegram.text(TOKEN, CHAT, "in the making?")
    wait_until(lambda: len(answerer.questions) == 1)
    assert press(telegram, asked, label=chat_wording.FORGET_YES) == chat_wording.FORGOTTEN
    answerer.release()
    ask(telegram, "after?")
    wait_until(lambda: house.inbox_statuses().get("done") == 1)
    assert _rows_about(tmp_path, "in the making") == []
    assert telegram.sends(TOKEN, CHAT)[-1] == "Answer to: after?"


def test_a_half_shown_answer_for_somebody_forgotten_is_taken_back(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    asked = ask(telegram, "/forget")
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(80)), 0.05
    shown = ask(telegram, "in the making?")
    assert press(telegram, asked, label=chat_wording.FORGET_YES) == chat_wording.FORGOTTEN
    wait_until(lambda: shown not in _ids(telegram))
    assert telegram.sends(TOKEN, CHAT)[-1].startswith("word0")


def test_stats_tell_what_was_used_of_the_days_limits(house: BotHouse, telegram: FakeTelegram) -> None:
    bot = house.registry.page(OWNER, None, 10).items[0].bot.id
    now = SystemClock().now()
    house.conversations.write(lambda db: daily_use.add(db, now, "questions", f"telegram:{CHAT}", 3))
    house.conversations.write(lambda db: daily_use.add(db, now, "tokens", bot, 1234))
    ask(telegram, "/stats")
    shown = telegram.sends(TOKEN, CHAT)[-1]
    assert "Written answers today: 3 of 200; tokens this bot used today: 1,234 of 50,000." in shown
    assert shown.endswith(f"This chat's number: {CHAT}")
    view = house.registry.get(OWNER, bot)
    assert (view.tokens_today, view.tokens_limit) == (1234, 50_000)


def test_the_page_is_told_of_the_first_message_at_once(house: BotHouse, telegram: FakeTelegram) -> None:
    view = house.registry.page(OWNER, None, 10).items[0]
    assert view.last_message_at is None
    assert view.deep_link == "https://t.me/bot7000001_bot"
    wait_until(lambda: house.registry.get(OWNER, view.bot.id).privacy_mode is not None)
    watching = house.events.subscribe(lambda event: isinstance(event, BotChanged))
    telegram.text(TOKEN, CHAT, "/start")
    told = watching.next(2.0)
    assert told is not None
    assert isinstance(told[1], BotChanged)
    assert house.registry.get(OWNER, view.bot.id).last_message_at is not None


def _ids(telegram: FakeTelegram) -> list[int]:
    found = telegram.control("messages", token=TOKEN, chat_id=CHAT)["messages"]
    return [message["message_id"] for message in found]


def _answer(body: str, *, refused: bool = False) -> Answer:
    evidence = Evidence(1, body, ())
    return Answer(
        text=body,
        citations=(),
        nearest=(),
        refused=refused,
        model=None,
        notice=None,
        tokens_used=0,
        evidence=evidence,
    )


def _rows_about(folder: Path, needle: str) -> list[str]:
    """Every row of conversations.db that holds the text anywhere, as table and row."""
    with sqlite3.connect(folder / "conversations.db", timeout=5) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [f"{table}: {row}" for table in tables for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608
    return [row for row in found if needle in row]
