"""Storage that takes nothing while a bot works: nothing is said twice for it, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.bot_house import bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer
from tests.fakes.full_storage import FullStorage

TOKEN = token_of(1)
ANNA = 31


def test_what_arrived_is_not_sent_again_while_storage_cannot_note_it(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    telegram.add(TOKEN)
    with bot_house(tmp_path, telegram.url) as house:
        storage = FullStorage(house.conversations)
        house.add_bot(1)
        telegram.hold("sendMessage", TOKEN)
        telegram.text(TOKEN, ANNA, "How?")
        wait_until(lambda: telegram.sends(TOKEN) == ["Answer to: How?"])
        storage.fill()
        telegram.release()
        wait_until(lambda: storage.refusals >= 4)
        storage.empty()
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert telegram.sends(TOKEN) == ["Answer to: How?"]


def test_a_question_is_answered_once_when_its_answer_can_be_stored_again(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    telegram.add(TOKEN)
    answerer = FixedAnswerer()
    with bot_house(tmp_path, telegram.url, answerer) as house:
        storage = FullStorage(house.conversations)
        house.add_bot(1)
        answerer.hold()
        telegram.text(TOKEN, ANNA, "How?")
        wait_until(lambda: len(answerer.questions) == 1)
        storage.fill()
        answerer.release()
        wait_until(lambda: storage.refusals >= 2)
        storage.empty()
        wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert telegram.sends(TOKEN) == ["Answer to: How?"]
