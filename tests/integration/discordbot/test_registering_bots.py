"""Registering Discord bots: Discord is asked who they are, and one application is one bot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.bots import BotChange, NewBot, Platform, invite_url
from roost.errors import Conflict, InvalidInput, Unavailable
from tests.fakes.bot_house import MEMBER, OWNER, STRANGER
from tests.fakes.discord_house import DiscordHouse
from tests.fakes.discord_world import FakeBot
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)


@pytest.fixture
def house(tmp_path: Path, discord: FakeDiscord) -> Iterator[DiscordHouse]:
    discord.add(token_of(1), token_of(2))
    unstarted = DiscordHouse(tmp_path, discord.url, FixedAnswerer())
    yield unstarted
    unstarted.stop()


def new_bot(token: str = TOKEN) -> NewBot:
    return NewBot(Platform.DISCORD, token)


def rotated(token: str) -> str:
    return token.replace("Gtest0", "Gtest1")


def test_a_new_bot_is_known_by_its_application_and_comes_with_its_invitation(house: DiscordHouse) -> None:
    bot = house.registry.create(OWNER, new_bot(f"  Bot {TOKEN}\n")).bot
    assert (bot.name, bot.handle, bot.token_last4) == ("Bot 1", "bot1", TOKEN[-4:])
    assert bot.platform_bot_id == FakeBot(TOKEN).application_id
    assert bot.platform_bot_id != FakeBot(TOKEN).user["id"]
    assert invite_url(bot) == (
        f"https://discord.com/oauth2/authorize?client_id={bot.platform_bot_id}"
        "&scope=bot+applications.commands&permissions=274877992000"
    )


def test_one_application_is_registered_once_also_by_another_token_of_it(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    house.registry.create(MEMBER, new_bot())
    discord.add(rotated(TOKEN))
    with pytest.raises(Conflict, match="change its token instead") as own:
        house.registry.create(MEMBER, new_bot(rotated(TOKEN)))
    with pytest.raises(Conflict) as foreign:
        house.registry.create(STRANGER, new_bot())
    assert own.value.code == foreign.value.code == "bot_exists"


def test_a_token_that_discord_refuses_is_said_with_its_words_and_the_remedy(house: DiscordHouse) -> None:
    unknown = token_of(9)
    with pytest.raises(InvalidInput, match="Discord refuses this token: 401: Unauthorized") as raised:
        house.registry.create(OWNER, new_bot(unknown))
    assert "Reset Token" in raised.value.message
    assert unknown not in raised.value.message
    assert raised.value.field == "token"


@pytest.mark.parametrize(
    "token", ["", "123", "a" * 32, "b" * 64, f"{TOKEN}\n{TOKEN}", "123456789:" + "A" * 35, TOKEN[:40]]
)
def test_what_is_no_token_is_said_without_asking_discord(
    house: DiscordHouse, discord: FakeDiscord, token: str
) -> None:
    with pytest.raises(InvalidInput, match="not a Discord bot token"):
        house.registry.create(OWNER, new_bot(token))
    assert discord.state(TOKEN)["calls"] == []


def test_a_token_of_another_bot_does_not_take_the_place_of_this_ones(house: DiscordHouse) -> None:
    bot = house.registry.create(OWNER, new_bot()).bot
    with pytest.raises(InvalidInput, match="belongs to another bot, @bot2"):
        house.registry.update(OWNER, bot.id, BotChange(token=token_of(2)))


@pytest.mark.parametrize("kind", ["5xx", "reset", "429", "badjson"])
def test_nothing_is_stored_while_discord_cannot_be_asked(
    house: DiscordHouse, discord: FakeDiscord, kind: str
) -> None:
    discord.fault(kind, "me")
    with pytest.raises(Unavailable, match="Discord cannot be asked"):
        house.registry.create(OWNER, new_bot())
    assert house.bots.count() == 0
