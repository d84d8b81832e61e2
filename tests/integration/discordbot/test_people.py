"""What people can say about answers and about what is kept of them, through the real client."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from roost.clock import SystemClock
from roost.discordbot import wording
from roost.domain import chat_wording
from roost.domain.answers import Answer, Evidence
from roost.domain.bots import Status
from roost.storage import daily_use
from tests.fakes.bot_house import OWNER, wait_until
from tests.fakes.discord_house import DiscordHouse, discord_house
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

REPOSITORY = Path(__file__).resolve().parents[3]
TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
ANNA, BEN = 41, 42
UP, DOWN = chat_wording.THUMB_UP, chat_wording.THUMB_DOWN
PLAIN = [UP, DOWN]


def shown(discord: FakeDiscord) -> list[dict[str, Any]]:
    """The bot's messages that hold something, as they stand there now."""
    return [each for each in discord.state(TOKEN)["messages"] if each["text"]]


def wait_for_message(discord: FakeDiscord, count: int) -> str:
    """The id of the last of so many messages."""
    wait_until(lambda: len(shown(discord)) >= count)
    return str(shown(discord)[-1]["id"])


def ask(discord: FakeDiscord, said: str, person: int = ANNA) -> str:
    """The id of the message that answers it, privately."""
    count = len(shown(discord)) + 1
    discord.private(TOKEN, person, said)
    return wait_for_message(discord, count)


def pressed(discord: FakeDiscord, message_id: str, person: int, button: str = "", **more: Any) -> Any:
    """Presses a button; what became of it, once it is acknowledged."""
    press_id = discord.press(TOKEN, message_id, person, button, **more)

    def found() -> dict[str, Any]:
        return next(each for each in discord.state(TOKEN)["interactions"] if each["id"] == press_id)

    wait_until(lambda: found()["deferred_after_s"] is not None)
    assert found()["deferred_after_s"] < 3
    return found


def told(discord: FakeDiscord, message_id: str, person: int, button: str = "", **more: Any) -> str:
    """Presses a button; what the person alone is told."""
    found = pressed(discord, message_id, person, button, **more)
    wait_until(lambda: bool(found()["told"]))
    return str(found()["told"][0])


def thumbs(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "conversations.db", timeout=5)) as db:
        return [row[0] for row in db.execute("SELECT thumb FROM feedback")]


def rows_about(folder: Path, needle: str) -> list[str]:
    """Every row of conversations.db that holds the text anywhere, as table and row."""
    with closing(sqlite3.connect(folder / "conversations.db", timeout=5)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = [f"{table}: {row}" for table in tables for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608
    return [row for row in found if needle in row]


def an_answer(body: str, *, refused: bool = False) -> Answer:
    return Answer(
        text=body,
        citations=(),
        nearest=(),
        refused=refused,
        model=None,
        notice=None,
        tokens_used=0,
        evidence=Evidence(1, body, ()),
    )


def test_a_thumb_is_stored_shown_and_may_be_changed(
    house: DiscordHouse, discord: FakeDiscord, tmp_path: Path
) -> None:
    answer = ask(discord, "How?")
    assert discord.buttons(TOKEN, answer) == PLAIN
    pressed(discord, answer, ANNA, UP)
    wait_until(lambda: discord.buttons(TOKEN, answer) == [f"{UP} {wording.NOTED}", DOWN])
    assert thumbs(tmp_path) == ["up"]
    pressed(discord, answer, ANNA, DOWN)
    wait_until(lambda: discord.buttons(TOKEN, answer) == [UP, f"{DOWN} {wording.NOTED}"])
    assert thumbs(tmp_path) == ["down"]
    assert shown(discord)[-1]["text"] == "Answer to: How?"
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 2})
    assert house.registry.page(OWNER, None, 10).items[0].messages_today == 1


def test_of_presses_in_quick_succession_the_last_one_counts(
    house: DiscordHouse, discord: FakeDiscord, tmp_path: Path
) -> None:
    answer = ask(discord, "How?")
    discord.fault("reset", "defer", n=2)
    for button in (UP, DOWN, UP, DOWN):
        discord.press(TOKEN, answer, ANNA, button)
    wait_until(lambda: house.inbox_statuses() == {"done": 1, "dropped": 4})
    assert thumbs(tmp_path) == ["down"]
    assert discord.buttons(TOKEN, answer) == [UP, f"{DOWN} {wording.NOTED}"]


@pytest.mark.parametrize("by_command", [False, True])
def test_thumbs_stand_under_the_last_part_only_and_under_an_answer_that_grew(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer, by_command: bool, tmp_path: Path
) -> None:
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(30)), 0.1
    answerer.answer_made = lambda question: an_answer("\n\n".join(["words " * 200] * 4))
    if by_command:
        discord.slash(TOKEN, "ask", ANNA, "long!", channel_id=str(CHANNEL))
    else:
        discord.mention(TOKEN, CHANNEL, ANNA, "long!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    messages = shown(discord)
    assert len(messages) >= 3
    assert [bool(each["components"]) for each in messages] == [False] * (len(messages) - 1) + [True]
    pressed(discord, messages[-1]["id"], ANNA, DOWN)
    wait_until(lambda: thumbs(tmp_path) == ["down"])


@pytest.mark.parametrize("by_command", [False, True])
def test_an_answer_that_grew_in_one_message_gets_its_thumbs_with_the_last_edit(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer, by_command: bool
) -> None:
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(40)), 0.1
    if by_command:
        discord.slash(TOKEN, "ask", ANNA, "write")
    else:
        discord.private(TOKEN, ANNA, "write")
    message = wait_for_message(discord, 1)
    assert discord.buttons(TOKEN, message) == [chat_wording.STOP]
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert [each["text"] for each in shown(discord)] == ["Answer to: write"]
    assert discord.buttons(TOKEN, message) == PLAIN
    assert not any(edit["unchanged"] for edit in discord.state(TOKEN)["edits"])


def test_a_press_under_an_old_message_counts_after_a_restart(tmp_path: Path, discord: FakeDiscord) -> None:
    discord.add(TOKEN)
    with discord_house(tmp_path, discord.url) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        answer = ask(discord, "How?")
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    discord.control("forget_nonces", token=TOKEN)
    with discord_house(tmp_path, discord.url):
        wait_until(lambda: discord.connected() == 1)
        pressed(discord, answer, ANNA, UP)
        wait_until(lambda: discord.buttons(TOKEN, answer) == [f"{UP} {wording.NOTED}", DOWN])
        assert thumbs(tmp_path) == ["up"]


def test_only_who_asked_judges_and_forged_presses_change_nothing(
    house: DiscordHouse, discord: FakeDiscord, tmp_path: Path
) -> None:
    discord.mention(TOKEN, CHANNEL, ANNA, "how?")
    answer = wait_for_message(discord, 1)
    assert "Only the person who asked" in told(discord, answer, BEN, UP)
    unknown = "0190a1b2-0000-7000-8000-000000000000"
    for custom_id in ("up:", f"up:{unknown}", "up:' OR 1=1 --", "sideways:1", "forget:", "x" * 300, "\0"):
        assert told(discord, answer, ANNA, custom_id=custom_id) == chat_wording.GONE
    assert thumbs(tmp_path) == []
    assert discord.buttons(TOKEN, answer) == PLAIN
    pressed(discord, answer, ANNA, UP)
    wait_until(lambda: thumbs(tmp_path) == ["up"])


def test_a_press_that_cannot_be_acknowledged_counts_and_is_shown_all_the_same(
    house: DiscordHouse, discord: FakeDiscord, tmp_path: Path
) -> None:
    answer = ask(discord, "How?")
    discord.fault("404", "defer")
    discord.press(TOKEN, answer, ANNA, DOWN)
    wait_until(lambda: discord.buttons(TOKEN, answer) == [UP, f"{DOWN} {wording.NOTED}"])
    assert thumbs(tmp_path) == ["down"]


def test_clear_keeps_the_history_and_says_so(house: DiscordHouse, discord: FakeDiscord) -> None:
    ask(discord, "one?")
    discord.slash(TOKEN, "clear", ANNA)
    wait_for_message(discord, 2)
    assert shown(discord)[-1]["text"] == chat_wording.CLEARED
    assert "history" in chat_wording.CLEARED
    with house.conversations.read() as db:
        assert db.execute(text("SELECT count(*) FROM messages")).scalar_one() == 2


def test_forget_deletes_a_persons_record_after_a_confirmation_only_they_see(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer, tmp_path: Path
) -> None:
    answerer.answer_made = lambda question: an_answer(f"About {question.text}", refused=True)
    pressed(discord, ask(discord, "my secret lease?"), ANNA, UP)
    discord.mention(TOKEN, CHANNEL, ANNA, "my secret channel?")
    wait_for_message(discord, 2)
    ask(discord, "somebody else's?", BEN)
    house.conversations.write(
        lambda db: daily_use.add(db, SystemClock().now(), "questions", f"discord:{ANNA}", 7)
    )
    discord.slash(TOKEN, "forget", ANNA, channel_id=str(CHANNEL))
    asked = wait_for_message(discord, 4)
    assert discord.state(TOKEN)["interactions"][-1]["ephemeral"]
    assert shown(discord)[-1]["text"] == chat_wording.forget("Discord")
    assert discord.buttons(TOKEN, asked) == [chat_wording.FORGET_YES, chat_wording.FORGET_NO]
    kept = pressed(discord, asked, ANNA, chat_wording.FORGET_NO)
    wait_until(lambda: kept()["texts"] == [chat_wording.KEPT])
    assert discord.buttons(TOKEN, asked) == []
    assert rows_about(tmp_path, "secret")
    discord.slash(TOKEN, "forget", ANNA, channel_id=str(CHANNEL))
    asked = wait_for_message(discord, 5)
    assert told(discord, asked, BEN, chat_wording.FORGET_YES) == chat_wording.NOT_YOURS
    gone = pressed(discord, asked, ANNA, chat_wording.FORGET_YES)
    wait_until(lambda: gone()["texts"] == [chat_wording.FORGOTTEN])
    assert discord.buttons(TOKEN, asked) == []
    wait_until(lambda: not rows_about(tmp_path, f"discord:{ANNA}"))
    assert rows_about(tmp_path, "secret") == []
    assert rows_about(tmp_path, "somebody else")
    assert thumbs(tmp_path) == []
    discord.slash(TOKEN, "stats", ANNA)
    wait_for_message(discord, 7)
    assert "You have not asked anything yet" in shown(discord)[-1]["text"]
    assert "Written answers today: 7 of 200" in shown(discord)[-1]["text"]


def test_a_confirmation_typed_in_a_channel_heeds_its_asker_alone(
    house: DiscordHouse, discord: FakeDiscord, tmp_path: Path
) -> None:
    discord.mention(TOKEN, CHANNEL, ANNA, "a secret?")
    wait_for_message(discord, 1)
    discord.mention(TOKEN, CHANNEL, ANNA, "/forget")
    asked = wait_for_message(discord, 2)
    assert told(discord, asked, BEN, chat_wording.FORGET_YES) == chat_wording.NOT_YOURS
    assert rows_about(tmp_path, "a secret?")
    gone = pressed(discord, asked, ANNA, chat_wording.FORGET_YES)
    wait_until(lambda: gone()["texts"] == [chat_wording.FORGOTTEN])
    wait_until(lambda: not rows_about(tmp_path, "a secret?"))


def test_a_confirmation_after_a_restart_deletes_and_may_be_pressed_again(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    discord.add(TOKEN)
    with discord_house(tmp_path, discord.url) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        ask(discord, "secret?")
        discord.slash(TOKEN, "forget", ANNA)
        asked = wait_for_message(discord, 2)
        wait_until(lambda: house.inbox_statuses() == {"done": 2})
    with discord_house(tmp_path, discord.url):
        wait_until(lambda: discord.connected() == 1)
        first = pressed(discord, asked, ANNA, custom_id=f"forget:{ANNA}")
        wait_until(lambda: first()["texts"] == [chat_wording.FORGOTTEN])
        again = pressed(discord, asked, ANNA, custom_id=f"forget:{ANNA}")
        wait_until(lambda: again()["texts"] == [chat_wording.FORGOTTEN])
        wait_until(lambda: not rows_about(tmp_path, "secret?"))


@pytest.mark.parametrize("by_command", [False, True])
def test_a_half_shown_answer_for_somebody_forgotten_is_taken_back_and_not_kept(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer, tmp_path: Path, by_command: bool
) -> None:
    discord.slash(TOKEN, "forget", ANNA, channel_id=str(CHANNEL))
    asked = wait_for_message(discord, 1)
    answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(60)), 0.05
    if by_command:
        discord.slash(TOKEN, "ask", ANNA, "in the making?", channel_id=str(CHANNEL))
    else:
        discord.mention(TOKEN, CHANNEL, ANNA, "in the making?")
    growing = wait_for_message(discord, 2)
    gone = pressed(discord, asked, ANNA, chat_wording.FORGET_YES)
    wait_until(lambda: gone()["texts"] == [chat_wording.FORGOTTEN])
    wait_until(lambda: growing not in [each["id"] for each in discord.state(TOKEN)["messages"]])
    assert rows_about(tmp_path, "in the making") == []
    assert house.inbox_statuses() == {"dropped": 1}


def test_stats_tell_what_was_used_of_the_days_limits(house: DiscordHouse, discord: FakeDiscord) -> None:
    bot_id = house.registry.page(OWNER, None, 10).items[0].bot.id
    now = SystemClock().now()
    house.conversations.write(lambda db: daily_use.add(db, now, "questions", f"discord:{ANNA}", 3))
    house.conversations.write(lambda db: daily_use.add(db, now, "tokens", bot_id, 1234))
    discord.slash(TOKEN, "stats", ANNA)
    wait_for_message(discord, 1)
    said = shown(discord)[-1]["text"]
    assert "Written answers today: 3 of 200; tokens this bot used today: 1,234 of 50,000." in said
    assert said.endswith(f"This place's number: `{ANNA}`")


@contextmanager
def roost_process(data_dir: Path, discord: FakeDiscord) -> Iterator[None]:
    """Runs the stored bots in a process of their own, and ends it with kill -9."""
    with (data_dir / "process.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.discord_house", str(data_dir), discord.url],
            cwd=REPOSITORY,
            env={"PYTHONPATH": f"{REPOSITORY / 'cloud' / 'backend'}:{REPOSITORY}", "PATH": "/usr/bin:/bin"},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: discord.connected() == 1)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def test_a_press_that_a_kill_cut_off_is_done_by_the_next_start(tmp_path: Path, discord: FakeDiscord) -> None:
    discord.add(TOKEN)
    seeded = DiscordHouse(tmp_path, discord.url, FixedAnswerer())
    seeded.seed_bot(1)
    seeded.stop()
    with roost_process(tmp_path, discord):
        answer = ask(discord, "a secret?")
        discord.slash(TOKEN, "forget", ANNA)
        asked = wait_for_message(discord, 2)
        discord.hold("defer", accept=True)
        discord.press(TOKEN, asked, ANNA, chat_wording.FORGET_YES)
        wait_until(lambda: bool(rows_about(tmp_path, '{"press":')))
        wait_until(lambda: discord.state(TOKEN)["interactions"][-1]["deferred_after_s"] is not None)
    discord.release()
    assert rows_about(tmp_path, "a secret?")
    with roost_process(tmp_path, discord):
        wait_until(lambda: shown(discord)[-1]["text"] == chat_wording.FORGOTTEN)
        wait_until(lambda: not rows_about(tmp_path, f"discord:{ANNA}"))
        assert rows_about(tmp_path, "a secret?") == []
        assert told(discord, answer, ANNA, UP) == chat_wording.GONE
