"""Answers in the making, shown as drafts where Telegram has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.bots import Status
from tests.fakes.bot_house import BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

pytestmark = pytest.mark.integration

TOKEN = token_of(1)
CHAT, GROUP = 501, -501


@pytest.fixture
def answerer() -> FixedAnswerer:
    answerer = FixedAnswerer()
    answerer.deltas = tuple(f"word{n} " for n in range(60))
    answerer.pause_s = 0.05
    return answerer


@pytest.fixture
def house(tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer) -> Iterator[BotHouse]:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url, answerer) as running:
        running.wait_for_status(running.add_bot(1).bot.id, Status.RUNNING)
        yield running


def test_an_answer_grows_as_a_draft_and_is_sent_once(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.control("drafts", known=True)
    update_id = telegram.text(TOKEN, CHAT, "write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    drafts = state["drafts"]
    assert [send["text"] for send in state["sends"]] == ["Answer to: write!"]
    assert state["edits"] == []
    assert len(drafts) >= 2
    assert {(draft["chat_id"], draft["draft_id"]) for draft in drafts} == {(CHAT, update_id)}
    assert all(draft["text"].startswith("word0") and draft["text"].endswith(" …") for draft in drafts)
    assert [len(draft["text"]) for draft in drafts] == sorted(len(draft["text"]) for draft in drafts)


def test_in_a_group_the_message_itself_grows(house: BotHouse, telegram: FakeTelegram) -> None:
    telegram.control("drafts", known=True)
    telegram.text(TOKEN, GROUP, "@bot7000001_bot write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    assert state["drafts"] == []
    assert state["edits"][-1]["text"] == "Answer to: write!"


def test_where_the_server_knows_no_drafts_it_is_asked_once(house: BotHouse, telegram: FakeTelegram) -> None:
    for question in ("one?", "two?"):
        telegram.text(TOKEN, CHAT, question)
        wait_until(lambda: not telegram.state(TOKEN)["pending"] and set(house.inbox_statuses()) == {"done"})
    state = telegram.state(TOKEN)
    wanted = [call for call in state["calls"] if call["method"] == "sendmessagedraft"]
    assert len(wanted) == 1
    assert len(state["sends"]) == 2
    assert len(state["edits"]) >= 2


@pytest.mark.parametrize("fault", ["429", "5xx", "reset"])
def test_a_draft_that_telegram_holds_back_does_not_hold_back_the_answer(
    house: BotHouse, telegram: FakeTelegram, fault: str
) -> None:
    telegram.control("drafts", known=True)
    telegram.fault(fault, "sendmessagedraft", retry_after=600)
    telegram.text(TOKEN, CHAT, "write!")
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    assert state["drafts"] == []
    assert state["edits"] == []
    assert [send["text"] for send in state["sends"]] == ["Answer to: write!"]


def test_an_answer_that_was_cut_off_leaves_no_half_message(
    tmp_path: Path, telegram: FakeTelegram, answerer: FixedAnswerer
) -> None:
    telegram.add(TOKEN)
    telegram.control("drafts", known=True)
    slow = FixedAnswerer()
    slow.deltas, slow.pause_s = tuple(f"word{n} " for n in range(2_000)), 0.05
    with bot_house(tmp_path, telegram.url, slow) as house:
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        telegram.text(TOKEN, CHAT, "write at length")
        wait_until(lambda: bool(telegram.state(TOKEN)["drafts"]))
    assert telegram.sends(TOKEN) == []
    with bot_house(tmp_path, telegram.url, answerer) as house:
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    state = telegram.state(TOKEN)
    assert [send["text"] for send in state["sends"]] == ["Answer to: write at length"]
    assert state["edits"] == []
