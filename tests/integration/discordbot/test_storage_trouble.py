"""Storage that takes nothing while a bot works: nothing is said twice for it, and nothing is lost."""

from __future__ import annotations

from roost.domain.answers import Answer, Question
from tests.fakes.bot_house import wait_until
from tests.fakes.discord_house import DiscordHouse
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer
from tests.fakes.full_storage import FullStorage

TOKEN = token_of(1)
ANNA = 41


def test_a_follow_up_that_arrived_is_not_sent_again_while_storage_cannot_note_it(
    house: DiscordHouse, discord: FakeDiscord, answerer: FixedAnswerer
) -> None:
    def long_answer(question: Question) -> Answer:
        return Answer("A sentence. " * 200, (), (), refused=False, model=None, notice=None, tokens_used=0)

    def texts() -> int:
        return len(discord.state(TOKEN)["interactions"][0]["texts"])

    answerer.answer_made = long_answer
    storage = FullStorage(house.conversations)
    discord.hold("followUp")
    discord.slash(TOKEN, "ask", ANNA, "at length")
    wait_until(lambda: texts() == 2)
    storage.fill()
    discord.release()
    wait_until(lambda: storage.refusals >= 4)
    storage.empty()
    wait_until(lambda: house.inbox_statuses() == {"done": 1})
    assert texts() == 2
