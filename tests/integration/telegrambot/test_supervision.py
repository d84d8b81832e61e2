"""Bots run for as long as people want them to, whatever the platform does, and only then."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from roost.clock import SystemClock
from roost.domain.bots import BotChange, Desired, Status
from roost.services import supervisor as supervision
from roost.storage.secrets import Cipher
from roost.telegrambot import wording
from roost.telegrambot.formatting import to_plain
from tests.fakes.bot_house import (
    OWNER,
    SECRET_KEY,
    BotHouse,
    bot_house,
    token_of,
    wait_until,
)
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)


def test_wanted_bots_run_again_after_a_restart_and_stopped_ones_stay_stopped(
    tmp_path: Path, telegram: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    telegram.add(token_of(1), token_of(2))
    with bot_house(tmp_path, telegram.url) as house:
        wanted, stopped = house.add_bot(1).bot.id, house.add_bot(2).bot.id
        house.wait_for_status(wanted, Status.RUNNING)
        house.registry.set_desired(OWNER, stopped, Desired.STOPPED)
        house.wait_for_status(stopped, Status.STOPPED)
    with caplog.at_level("INFO"), bot_house(tmp_path, telegram.url) as house:
        house.wait_for_status(wanted, Status.RUNNING)
        assert house.registry.get(OWNER, stopped).status is Status.STOPPED
        assert house.registry.get(OWNER, wanted).uptime_s is not None
    assert "Restored 2 bot(s) from storage, starting 1" in caplog.text


def test_a_revoked_token_stops_the_bot_until_it_is_changed(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        # A poll that comes only now would be refused before the restart is.
        wait_until(lambda: telegram.polling() == 1)
        telegram.control("revoke", token=TOKEN)
        telegram.fault("reset", method="getUpdates")
        fresh = TOKEN.replace("AAtest", "BBtest")
        telegram.add(fresh)
        house.registry.restart(OWNER, bot_id)
        house.wait_for_status(bot_id, Status.CRASHED)
        view = house.registry.get(OWNER, bot_id)
        assert "@BotFather" in (view.reason or "")
        assert view.uptime_s is None
        telegram.add(TOKEN)
        time.sleep(1.0)
        assert telegram.state(TOKEN)["calls"] == []
        house.registry.update(OWNER, bot_id, BotChange(token=fresh))
        house.wait_for_status(bot_id, Status.RUNNING)


def test_somebody_else_polling_is_shown_and_not_fought_over(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    telegram.fault("409", method="getUpdates", n=1)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.DEGRADED)
        assert "Somebody else polls" in (house.registry.get(OWNER, bot_id).reason or "")
        time.sleep(1.5)
        polls = [call for call in telegram.state(TOKEN)["calls"] if call["method"] == "getupdates"]
        assert len(polls) == 1
        house.wait_for_status(bot_id, Status.RUNNING)


def test_a_webhook_left_by_another_program_is_removed(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    telegram.control("webhook", token=TOKEN, url="https://elsewhere.example/hook")
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        assert telegram.state(TOKEN)["webhook"] == ""


def test_a_platform_that_is_down_at_the_start_is_tried_until_it_is_back(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    telegram.add(TOKEN)
    telegram.control("down", down=True)
    house = BotHouse(tmp_path, telegram.url, FixedAnswerer())
    bot_id = house.seed_bot(1)
    house.start()
    try:
        house.wait_for_status(bot_id, Status.DEGRADED)
        assert house.registry.get(OWNER, bot_id).last_contact_at is None
        telegram.control("down", down=False)
        house.wait_for_status(bot_id, Status.RUNNING)
    finally:
        house.stop()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("5xx", {"code": 502}),
        ("5xx", {"code": 500}),
        ("reset", {}),
        ("badjson", {}),
        ("429", {"retry_after": 1}),
        ("420", {"retry_after": 1}),
        ("403", {}),
    ],
)
def test_a_passing_fault_of_the_platform_is_survived(
    tmp_path: Path, telegram: FakeTelegram, kind: str, more: dict[str, Any]
) -> None:
    telegram.add(TOKEN)
    telegram.fault(kind, method="getUpdates", n=2, **more)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.DEGRADED)
        house.wait_for_status(bot_id, Status.RUNNING)
        telegram.text(TOKEN, 9, "well?")
        wait_until(lambda: telegram.sends(TOKEN) == ["Answer to: well?"])


def test_a_running_bot_that_is_deleted_stops_and_never_comes_back(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    """Defect 6."""
    telegram.add(token_of(1), token_of(2))
    with bot_house(tmp_path, telegram.url) as house:
        deleted, kept = house.add_bot(1).bot.id, house.add_bot(2).bot.id
        house.wait_for_status(deleted, Status.RUNNING)
        telegram.text(token_of(1), 5, "hello?")
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
        others = [threading.Thread(target=house.registry.restart, args=(OWNER, kept)) for _ in range(4)]
        for thread in others:
            thread.start()
        house.registry.delete(OWNER, deleted)
        for thread in others:
            thread.join(5)
            assert not thread.is_alive()
        wait_until(lambda: house.status(deleted) is None)
        wait_until(lambda: not telegram.state(token_of(1))["polling"])
        assert house.inbox_statuses() == {}
        house.wait_for_status(kept, Status.RUNNING)
    with bot_house(tmp_path, telegram.url) as house:
        house.wait_for_status(kept, Status.RUNNING)
        assert [view.bot.id for view in house.registry.page(OWNER, None, 50).items] == [kept]
        assert not telegram.state(token_of(1))["polling"]


def test_bots_that_start_together_keep_their_own_tokens_and_prompts(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    """Defect 8: tokens and prompts are never swapped."""
    numbers = range(1, 21)
    telegram.add(*(token_of(number) for number in numbers))
    answerer = FixedAnswerer()
    before = dict(os.environ)
    house = BotHouse(tmp_path, telegram.url, answerer)
    ids = {number: house.seed_bot(number) for number in numbers}
    for number, bot_id in ids.items():
        house.configs.write(partial(_set_prompt, house, bot_id, f"prompt {number}"))
    house.start()
    try:
        wait_until(lambda: telegram.polling() == len(numbers))
        for number in numbers:
            telegram.text(token_of(number), 1_000 + number, f"who is {number}?")
        for number in numbers:
            wait_until(partial(_has_sent, telegram, token_of(number), f"Answer to: who is {number}?"))
    finally:
        house.stop()
    asked = {question.text: question.settings.system_prompt for question in answerer.questions}
    assert asked == {f"who is {number}?": f"prompt {number}" for number in numbers}
    assert dict(os.environ) == before


def test_a_token_copied_to_another_row_is_refused_and_the_others_run(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    """Hostile case 46."""
    telegram.add(token_of(1), token_of(2))
    house = BotHouse(tmp_path, telegram.url, FixedAnswerer())
    first, second = house.seed_bot(1), house.seed_bot(2)
    house.configs.write(
        lambda db: db.execute(
            text(
                "UPDATE bot_configs SET token = (SELECT token FROM bot_configs WHERE bot_id = :first)"
                " WHERE bot_id = :second"
            ),
            {"first": first, "second": second},
        )
    )
    house.start()
    try:
        house.wait_for_status(first, Status.RUNNING)
        house.wait_for_status(second, Status.CRASHED)
        assert house.registry.get(OWNER, second).reason == supervision.UNDECRYPTABLE
        house.registry.update(OWNER, second, BotChange(token=token_of(2)))
        house.wait_for_status(second, Status.RUNNING)
    finally:
        house.stop()


def test_another_secret_key_crashes_the_bots_with_the_remedy_and_keeps_the_wish(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
    other = BotHouse(tmp_path, telegram.url, FixedAnswerer(), secret_key=SECRET_KEY[::-1])
    other.start()
    try:
        other.wait_for_status(bot_id, Status.CRASHED)
        view = other.registry.get(OWNER, bot_id)
        assert view.reason == supervision.UNDECRYPTABLE
        assert view.bot.desired is Desired.RUNNING
    finally:
        other.stop()


def test_the_stored_token_is_ciphertext_bound_to_its_row(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        with house.configs.read() as db:
            sealed = db.execute(text("SELECT token FROM bot_configs")).scalar_one()
        assert Cipher(SECRET_KEY).open(sealed, f"bot_configs/{bot_id}/token") == TOKEN
    for file in tmp_path.iterdir():
        assert TOKEN.encode() not in file.read_bytes()


def test_stopping_ends_within_its_time_while_answers_are_held(tmp_path: Path, telegram: FakeTelegram) -> None:
    answerer = FixedAnswerer()
    answerer.hold()
    telegram.add(TOKEN)
    house = BotHouse(tmp_path, telegram.url, answerer)
    house.seed_bot(1)
    house.start()
    wait_until(lambda: telegram.polling() == 1)
    telegram.text(TOKEN, 3, "held?")
    wait_until(lambda: len(answerer.questions) == 1)
    began = time.monotonic()
    house.supervisor.stop(2.0)
    took_s = time.monotonic() - began
    with house.configs.read() as db:
        assert db.execute(text("SELECT status FROM bot_configs")).scalar_one() == "running"
    house.stop()
    # It waits for no answer; a busy machine takes its time.
    assert took_s < 20


def test_a_stop_lets_the_sends_on_their_way_arrive(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    telegram.control("reply_latency", method="sendMessage", seconds=0.4)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        telegram.text(TOKEN, 3, "on its way?")
        wait_until(lambda: len(telegram.sends(TOKEN)) == 1)
        house.registry.restart(OWNER, bot_id)
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
        wait_until(lambda: [line.text for line in house.logs.read(bot_id).lines].count("Running.") == 2)
        assert telegram.sends(TOKEN) == ["Answer to: on its way?"]
        assert house.inbox.ambiguous_sends_total == 0


def test_chats_that_are_not_allowed_get_no_answer(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.registry.update(OWNER, bot_id, BotChange(allowed_chats=("8",)))
        house.wait_for_status(bot_id, Status.RUNNING)
        telegram.text(TOKEN, 7, "let me in")
        telegram.text(TOKEN, 8, "hello")
        wait_until(lambda: house.inbox_statuses() == {"done": 2})
        assert telegram.sends(TOKEN, 8) == ["Answer to: hello"]
        assert telegram.sends(TOKEN, 7) == [to_plain(wording.not_allowed(7))]


def _set_prompt(house: BotHouse, bot_id: str, prompt: str, db: Connection) -> None:
    house.bots.change(db, bot_id, BotChange(system_prompt=prompt), None, SystemClock().now())


def _has_sent(telegram: FakeTelegram, token: str, message: str) -> bool:
    return telegram.sends(token) == [message]
