"""Answers that are ended early, by a button in groups and by a command everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.domain import chat_wording
from roost.domain.bots import Status
from roost.domain.stopping import StopVerdict
from roost.telegrambot import wording
from tests.fakes.bot_house import BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram, Json
from tests.fakes.fixed_answerer import FixedAnswerer

pytestmark = pytest.mark.integration

TOKEN = token_of(1)
NAME = "@bot7000001_bot"
GROUP, ANNA, BORIS = -1_000_000_000_077, 51, 52
STOP, THUMBS = ["Stop"], ["\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}"]


def endless() -> FixedAnswerer:
    answerer = FixedAnswerer()
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(5_000)), 0.05
    return answerer


@pytest.fixture
def answerer() -> FixedAnswerer:
    return endless()


@pytest.fixture
def house(tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer) -> Iterator[BotHouse]:
    telegram.add(TOKEN)
    telegram.control("drafts", known=True)
    with bot_house(tmp_path, telegram.url, answerer) as running:
        running.wait_for_status(running.add_bot(1).bot.id, Status.RUNNING)
        yield running


def growing(telegram: FakeTelegram, chat_id: int = GROUP) -> Json:
    """The bot's message that grows in a chat, once there is one."""
    wait_until(lambda: bool(telegram.sends(TOKEN, chat_id)))
    return telegram.last_message(TOKEN, chat_id)


def buttons(message: Json) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def replies_to_presses(telegram: FakeTelegram) -> list[str]:
    return [call["text"] for call in telegram.state(TOKEN)["press_answers"]]


def stored(house: BotHouse) -> list[tuple[str, str]]:
    with house.conversations.read() as db:
        rows = db.execute(
            text("SELECT text, status FROM messages WHERE role = 'assistant' ORDER BY created_at")
        )
        return [(row.text, row.status) for row in rows]


def test_the_button_ends_a_groups_answer_with_the_text_so_far(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.text(TOKEN, GROUP, f"{NAME} tell me all", user_id=ANNA)
    message = growing(telegram)
    assert buttons(message) == STOP
    telegram.press(TOKEN, GROUP, message["message_id"], label="Stop", user_id=ANNA)
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})
    [(kept, status)] = stored(house)
    assert status == "stopped"
    assert kept.startswith("word0 word1")
    shown = telegram.last_message(TOKEN, GROUP)
    assert (shown["message_id"], shown["text"]) == (message["message_id"], kept.strip())
    assert buttons(shown) == THUMBS
    assert replies_to_presses(telegram) == [chat_wording.STOPPING]
    assert telegram.state(TOKEN)["floods"] == 0


def test_nobody_else_stops_it_and_a_second_press_does_no_harm(
    house: BotHouse, telegram: FakeTelegram
) -> None:
    telegram.text(TOKEN, GROUP, f"{NAME} tell me all", user_id=ANNA)
    message = growing(telegram)
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    telegram.press(TOKEN, GROUP, message["message_id"], label="Stop", user_id=BORIS)
    wait_until(lambda: len(replies_to_presses(telegram)) == 1)
    assert replies_to_presses(telegram)[0].startswith("Only the person who asked")
    assert stored(house) == []
    for _ in range(2):
        telegram.press(TOKEN, GROUP, message["message_id"], data=data, user_id=ANNA)
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 3})
    telegram.press(TOKEN, GROUP, message["message_id"], data=data, user_id=ANNA)
    wait_until(lambda: len(replies_to_presses(telegram)) == 4)
    assert replies_to_presses(telegram)[3] == wording.STOPS[StopVerdict.FINISHED]
    assert [status for _, status in stored(house)] == ["stopped"]
    assert len(telegram.sends(TOKEN, GROUP)) == 1


def test_the_command_ends_a_private_answer_and_not_the_next_one(
    house: BotHouse, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.text(TOKEN, ANNA, "tell me all")
    wait_until(lambda: bool(telegram.state(TOKEN)["drafts"]))
    answerer.deltas = ("all of it",)
    telegram.text(TOKEN, ANNA, "/stop")
    telegram.text(TOKEN, ANNA, "and then?")
    wait_until(lambda: house.inbox_statuses() == {"done": 2, "dropped": 1})
    assert [status for _, status in stored(house)] == ["stopped", "done"]
    first, second = telegram.sends(TOKEN, ANNA)
    assert first.startswith("word0")
    assert second == "Answer to: and then?"
    telegram.text(TOKEN, ANNA, "/stop")
    wait_until(lambda: len(telegram.sends(TOKEN, ANNA)) == 3)
    assert telegram.sends(TOKEN, ANNA)[2] == wording.NOTHING_TO_STOP


def test_in_a_group_the_command_ends_the_senders_own_answer(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.text(TOKEN, GROUP, f"{NAME} tell me all", user_id=ANNA)
    message = growing(telegram)
    telegram.text(TOKEN, GROUP, "/stop", user_id=BORIS, replies_to=message["message_id"])
    wait_until(lambda: wording.NOTHING_TO_STOP in telegram.sends(TOKEN, GROUP))
    assert stored(house) == []
    telegram.text(TOKEN, GROUP, f"/stop{NAME}", user_id=ANNA)
    wait_until(lambda: [status for _, status in stored(house)] == ["stopped"])


def cut_off(tmp_path: Path, telegram: FakeTelegram) -> tuple[str, int, Json]:
    """A house that ended while an answer grew: the bot's id, the question's, and the message that grew."""
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, endless()) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        update_id = telegram.text(TOKEN, GROUP, f"{NAME} tell me all", user_id=ANNA)
        return bot_id, update_id, growing(telegram)


@pytest.mark.parametrize("pressed", [True, False])
def test_a_stop_while_roost_restarts_stops_the_answer_when_it_is_back(
    tmp_path: Path, telegram: FakeTelegram, *, pressed: bool
) -> None:
    _, _, message = cut_off(tmp_path, telegram)
    if pressed:
        telegram.press(TOKEN, GROUP, message["message_id"], label="Stop", user_id=ANNA)
    else:
        telegram.text(TOKEN, GROUP, f"/stop{NAME}", user_id=ANNA)
    with bot_house(tmp_path, telegram.url, endless()) as house:
        wait_until(lambda: [status for _, status in stored(house)] == ["stopped"])
        wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})
    shown = telegram.state(TOKEN)["edits"][-1]
    assert shown["message_id"] == message["message_id"]
    assert buttons(shown["fields"]) == THUMBS
    assert len(telegram.sends(TOKEN, GROUP)) == 1
    assert telegram.state(TOKEN)["floods"] == 0


def test_a_stop_that_was_stored_before_a_kill_is_kept_and_the_next_answer_is_whole(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    bot_id, update_id, message = cut_off(tmp_path, telegram)
    answerer = endless()
    house = BotHouse(tmp_path, telegram.url, answerer)
    assert house.inbox.want_stop(bot_id, update_id, f"telegram:{ANNA}") == "stopped"
    house.start()
    try:
        wait_until(lambda: stored(house) == [("", "stopped")])
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
        shown = telegram.last_message(TOKEN, GROUP)
        assert (shown["message_id"], shown["text"]) == (
            message["message_id"],
            chat_wording.STOPPED_UNWRITTEN,
        )
        answerer.deltas = ()
        telegram.text(TOKEN, GROUP, f"{NAME} and then?", user_id=ANNA)
        wait_until(lambda: ("Answer to: and then?", "done") in stored(house))
    finally:
        house.stop()
