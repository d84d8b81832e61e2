"""Answers that are ended early, by the button under them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from roost.discordbot import wording
from roost.domain import chat_wording
from roost.domain.bots import Status
from roost.domain.stopping import StopVerdict
from tests.fakes.bot_house import BotHouse, wait_until
from tests.fakes.discord_house import DiscordHouse, discord_house
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

pytestmark = pytest.mark.integration

TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
ANNA, BEN = 41, 42
THUMBS = [chat_wording.THUMB_UP, chat_wording.THUMB_DOWN]
MANAGE_MESSAGES = 1 << 13


def endless() -> FixedAnswerer:
    answerer = FixedAnswerer()
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(5_000)), 0.05
    return answerer


@pytest.fixture
def answerer() -> FixedAnswerer:
    return endless()


def growing(discord: FakeDiscord) -> str:
    """The id of the bot's message that grows, once there is one."""
    wait_until(lambda: any(each["text"] for each in discord.state(TOKEN)["messages"]))
    return str(discord.state(TOKEN)["messages"][-1]["id"])


def told(discord: FakeDiscord, press_id: str) -> str:
    """What only whoever pressed is told."""

    def found() -> Any:
        return next(each for each in discord.state(TOKEN)["interactions"] if each["id"] == press_id)["told"]

    wait_until(lambda: bool(found()))
    return str(found()[0])


def stored(house: BotHouse) -> list[tuple[str, str]]:
    with house.conversations.read() as db:
        rows = db.execute(
            text("SELECT text, status FROM messages WHERE role = 'assistant' ORDER BY created_at")
        )
        return [(row.text, row.status) for row in rows]


@pytest.mark.parametrize("asked_by", ["mention", "slash", "private"])
def test_the_button_ends_an_answer_with_the_text_so_far(
    house: DiscordHouse, discord: FakeDiscord, asked_by: str
) -> None:
    discord.control("limited", limited=True)
    match asked_by:
        case "mention":
            discord.mention(TOKEN, CHANNEL, ANNA, "tell me all")
        case "slash":
            discord.slash(TOKEN, "ask", ANNA, "tell me all", channel_id=CHANNEL)
        case _:
            discord.private(TOKEN, ANNA, "tell me all")
    message = growing(discord)
    assert discord.buttons(TOKEN, message) == ["Stop"]
    discord.press(TOKEN, message, ANNA, "Stop")
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})
    [(kept, status)] = stored(house)
    assert status == "stopped"
    assert kept.startswith("word0 word1")
    [shown] = discord.state(TOKEN)["messages"]
    assert (shown["id"], shown["text"]) == (message, kept.strip())
    assert discord.buttons(TOKEN, message) == THUMBS
    assert discord.state(TOKEN)["limited"] == []


def test_the_parts_of_a_long_answer_keep_no_stop_button(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.deltas = ("A sentence of the answer. " * 150, *("more " for _ in range(5_000)))
    discord.mention(TOKEN, CHANNEL, ANNA, "tell me all")
    message = growing(discord)
    discord.press(TOKEN, message, ANNA, "Stop")
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})
    shown = [each["id"] for each in discord.state(TOKEN)["messages"]]
    assert len(shown) > 1
    assert [discord.buttons(TOKEN, each) for each in shown] == [[]] * (len(shown) - 1) + [THUMBS]


def test_nobody_else_stops_it_and_a_second_press_does_no_harm(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    question = discord.mention(TOKEN, CHANNEL, ANNA, "tell me all")
    message = growing(discord)
    refused = discord.press(TOKEN, message, BEN, "Stop")
    assert told(discord, refused) == wording.STOPS[StopVerdict.NOT_YOURS]
    assert stored(house) == []
    for _ in range(2):
        discord.press(TOKEN, message, ANNA, custom_id=f"stop:{question}")
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 3})
    late = discord.press(TOKEN, message, ANNA, custom_id=f"stop:{question}")
    assert told(discord, late) == chat_wording.ALREADY_FINISHED
    assert [status for _, status in stored(house)] == ["stopped"]
    assert len(discord.sends(TOKEN)) == 1


def test_a_moderator_stops_anybodys_answer(house: DiscordHouse, discord: FakeDiscord) -> None:
    discord.mention(TOKEN, CHANNEL, ANNA, "tell me all")
    discord.press(TOKEN, growing(discord), BEN, "Stop", permissions=str(MANAGE_MESSAGES))
    wait_until(lambda: [status for _, status in stored(house)] == ["stopped"])


def cut_off(tmp_path: Path, discord: FakeDiscord) -> tuple[str, str, str]:
    """A house that ended while an answer grew: the bot's id, the question's, and the message's that grew."""
    discord.add(TOKEN)
    with discord_house(tmp_path, discord.url, endless()) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        question = discord.mention(TOKEN, CHANNEL, ANNA, "tell me all")
        return bot_id, question, growing(discord)


def test_the_button_of_before_a_restart_stops_what_was_taken_up(tmp_path: Path, discord: FakeDiscord) -> None:
    bot_id, question, message = cut_off(tmp_path, discord)
    with discord_house(tmp_path, discord.url, endless()) as house:
        house.wait_for_status(bot_id, Status.RUNNING)
        wait_until(lambda: discord.connected() == 1)
        discord.press(TOKEN, message, ANNA, custom_id=f"stop:{question}")
        wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 1})
        assert [status for _, status in stored(house)] == ["stopped"]
    assert discord.buttons(TOKEN, message) == THUMBS
    assert len(discord.state(TOKEN)["messages"]) == 1


def test_a_stop_that_was_stored_before_a_kill_is_kept_and_the_next_answer_is_whole(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    bot_id, question, message = cut_off(tmp_path, discord)
    answerer = endless()
    house = DiscordHouse(tmp_path, discord.url, answerer)
    assert house.inbox.want_stop(bot_id, int(question), f"discord:{ANNA}") == "stopped"
    house.start()
    try:
        wait_until(lambda: stored(house) == [("", "stopped")])
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
        [shown] = discord.state(TOKEN)["messages"]
        assert (shown["id"], shown["text"]) == (message, chat_wording.STOPPED_UNWRITTEN)
        answerer.deltas = ()
        discord.mention(TOKEN, CHANNEL, ANNA, "and then?")
        wait_until(lambda: ("Answer to: and then?", "done") in stored(house))
    finally:
        house.stop()
