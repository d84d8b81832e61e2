"""Slash commands: offered, acknowledged before anything slow, followed up whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import text

from roost.discordbot import wording
from roost.domain import chat_wording
from roost.domain.answers import Answer, Question
from roost.domain.bots import Status
from tests.fakes.bot_house import wait_until
from tests.fakes.discord_house import DiscordHouse, discord_house
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
ANNA = 41


def interactions(discord: FakeDiscord) -> list[dict[str, Any]]:
    return list(discord.state(TOKEN)["interactions"])


def calls(discord: FakeDiscord, operation: str) -> int:
    return sum(call["operation"] == operation for call in discord.state(TOKEN)["calls"])


def test_the_commands_are_offered_once_and_again_only_when_they_changed(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    discord.add(TOKEN)
    with discord_house(tmp_path, discord.url) as house:
        house.add_bot(1)
        wait_until(lambda: calls(discord, "putCommands") == 1)
    assert [each["name"] for each in discord.state(TOKEN)["commands"]] == [
        "ask",
        "clear",
        "stats",
        "forget",
        "help",
    ]
    with discord_house(tmp_path, discord.url):
        wait_until(lambda: calls(discord, "commands") == 2)
    assert calls(discord, "putCommands") == 1


def test_a_question_is_acknowledged_at_once_and_answered_in_its_place(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.hold()
    discord.slash(TOKEN, "ask", ANNA, "How?", channel_id=str(CHANNEL))
    wait_until(lambda: interactions(discord)[0]["deferred_after_s"] is not None)
    assert interactions(discord)[0]["deferred_after_s"] < 3
    answerer.release()
    wait_until(lambda: interactions(discord)[0]["texts"] == ["Answer to: How?"])
    assert not interactions(discord)[0]["ephemeral"]
    assert discord.sends(TOKEN) == []
    assert answerer.questions[0].person == f"discord:{ANNA}"
    with house.conversations.read() as db:
        rows = db.execute(text("SELECT token FROM interaction_tokens")).all()
        stored = db.execute(text("SELECT payload FROM inbox")).scalar_one()
    assert len(rows) == 1
    assert "aW50ZXJhY3Rpb2" not in rows[0].token + stored


def test_the_other_commands_answer_their_asker_alone(house: DiscordHouse, discord: FakeDiscord) -> None:
    for name in ("stats", "clear", "help"):
        discord.slash(TOKEN, name, ANNA)
    wait_until(lambda: all(each["texts"] for each in interactions(discord)))
    texts = [each["texts"][0] for each in interactions(discord)]
    assert texts[0].startswith("You have not asked anything yet")
    assert texts[1] == chat_wording.CLEARED
    assert texts[2] == wording.help_text("Bot 1")
    assert all(each["ephemeral"] for each in interactions(discord))


def test_a_long_answer_goes_on_in_follow_ups(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    def long_answer(question: Question) -> Answer:
        return Answer("A sentence. " * 400, (), (), refused=False, model=None, notice=None, tokens_used=0)

    answerer.answer_made = long_answer
    discord.slash(TOKEN, "ask", ANNA, "at length")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert len(interactions(discord)[0]["texts"]) == 3


def test_an_acknowledgement_that_fails_is_repeated_in_time(house: DiscordHouse, discord: FakeDiscord) -> None:
    discord.fault("reset", "defer")
    discord.fault("5xx", "defer", code=503)
    discord.slash(TOKEN, "ask", ANNA, "still?")
    wait_until(lambda: bool(interactions(discord)[0]["texts"]))
    assert interactions(discord)[0]["texts"] == ["Answer to: still?"]
    assert interactions(discord)[0]["deferred_after_s"] < 3


def test_an_answer_that_comes_too_late_for_the_interaction_is_put_into_its_message(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    answerer.hold()
    discord.slash(TOKEN, "ask", ANNA, "late", channel_id=str(CHANNEL))
    wait_until(lambda: interactions(discord)[0]["deferred_after_s"] is not None)
    wait_until(lambda: len(answerer.questions) == 1)
    discord.control("expire", token=TOKEN)
    answerer.release()
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    edits = discord.state(TOKEN)["edits"]
    assert [edit["text"] for edit in edits] == ["Answer to: late"]
    assert edits[0]["message_id"] == interactions(discord)[0]["message_id"]


def test_one_that_was_never_acknowledged_is_answered_in_the_channel(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    discord.fault("404", "defer")
    discord.slash(TOKEN, "ask", ANNA, "lost?", channel_id=str(CHANNEL))
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert discord.sends(TOKEN, CHANNEL) == [f"<@{ANNA}>\nAnswer to: lost?"]
    assert discord.state(TOKEN)["sends"][0]["body"]["allowed_mentions"]["users"] == [str(ANNA)]


def test_a_question_cut_off_by_a_restart_is_followed_up(
    tmp_path: Path, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    discord.add(TOKEN)
    answerer.hold()
    with discord_house(tmp_path, discord.url, answerer) as house:
        bot = house.add_bot(1)
        house.wait_for_status(bot.bot.id, Status.RUNNING)
        discord.slash(TOKEN, "ask", ANNA, "again", channel_id=str(CHANNEL))
        wait_until(lambda: interactions(discord)[0]["deferred_after_s"] is not None)
        wait_until(lambda: house.inbox_statuses() == {"received": 1})
    with discord_house(tmp_path, discord.url) as house:
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert interactions(discord)[0]["texts"] == ["Answer to: again"]
    assert discord.sends(TOKEN) == []
