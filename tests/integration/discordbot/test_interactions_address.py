"""Slash commands that Discord was to bring by itself, and does not: told, and answered all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.bots import Status, Transport
from tests.fakes.bot_house import OWNER, wait_until
from tests.fakes.discord_house import DiscordHouse
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)
CHANNEL = 500_000_000_000_000_001
ANNA = 41
NOBODY_THERE = "http://127.0.0.1:9"


class PublicHouse(DiscordHouse):
    public_url = NOBODY_THERE


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path, discord: FakeDiscord) -> Iterator[DiscordHouse]:
    discord.add(TOKEN)
    made: DiscordHouse = request.param(tmp_path, discord.url, FixedAnswerer())
    made.start()
    yield made
    made.stop()


def reason(house: DiscordHouse, bot_id: str) -> str:
    observed = house.supervisor.observed(bot_id)
    return (observed.reason if observed else None) or ""


def all_is_answered(discord: FakeDiscord) -> None:
    discord.private(TOKEN, ANNA, "hello?")
    discord.slash(TOKEN, "ask", ANNA, "how?", channel_id=str(CHANNEL))
    wait_until(lambda: discord.answers(TOKEN, ANNA) == ["Answer to: hello?"])
    wait_until(lambda: discord.state(TOKEN)["interactions"][-1]["texts"] == ["Answer to: how?"])


@pytest.mark.parametrize("house", [PublicHouse], indirect=True)
@pytest.mark.parametrize("fault", [None, "5xx", "reset", "403"])
def test_an_address_that_discord_does_not_take_is_told_and_nothing_is_lost(
    house: DiscordHouse, discord: FakeDiscord, fault: str | None
) -> None:
    if fault is not None:
        discord.fault(fault, "setApplication", n=1_000)
    bot_id = house.seed_bot(1, Transport.WEBHOOK)
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.DEGRADED)
    said = reason(house, bot_id)
    assert f"Discord does not bring slash commands to {NOBODY_THERE}/webhooks/discord/{bot_id}" in said
    assert "they come over the gateway" in said
    assert "Trying again. Discord" not in said
    all_is_answered(discord)
    assert discord.state(TOKEN)["interactions_url"] is None
    assert len(discord.state(TOKEN)["identified_at"]) == 1


@pytest.mark.parametrize("house", [DiscordHouse], indirect=True)
def test_without_a_public_address_the_remedy_is_told_and_nothing_is_lost(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    bot_id = house.seed_bot(1, Transport.WEBHOOK)
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.DEGRADED)
    assert "Set PUBLIC_URL and restart Roost" in reason(house, bot_id)
    all_is_answered(discord)


@pytest.mark.parametrize("house", [PublicHouse], indirect=True)
def test_a_token_found_refused_while_the_address_is_set_stops_the_bot(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    discord.fault("401", "setApplication")
    bot_id = house.seed_bot(1, Transport.WEBHOOK)
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.CRASHED)
    assert "Reset Token" in reason(house, bot_id)


@pytest.mark.parametrize("house", [DiscordHouse], indirect=True)
def test_an_address_left_behind_by_a_webhook_is_taken_back_by_a_bot_on_the_gateway(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    bot_id = house.seed_bot(1)
    url = f"{NOBODY_THERE}/webhooks/discord/{bot_id}"
    discord.control("interactions_url", token=TOKEN, url=url)
    discord.fault("5xx", "setApplication")
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.DEGRADED)
    assert "do not come over the gateway yet" in reason(house, bot_id)
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.RUNNING)
    assert discord.state(TOKEN)["interactions_url"] is None
    all_is_answered(discord)


@pytest.mark.parametrize("house", [DiscordHouse], indirect=True)
def test_commands_that_go_to_another_program_are_told_with_the_remedy(
    house: DiscordHouse, discord: FakeDiscord
) -> None:
    bot_id = house.seed_bot(1)
    discord.control("interactions_url", token=TOKEN, url="https://other.example/hook?secret=1")
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.DEGRADED)
    said = reason(house, bot_id)
    assert "at other.example." in said
    assert "Interactions Endpoint URL" in said
    assert "secret" not in said
    assert discord.state(TOKEN)["interactions_url"] is not None
    discord.private(TOKEN, ANNA, "hello?")
    wait_until(lambda: discord.answers(TOKEN, ANNA) == ["Answer to: hello?"])
    discord.control("interactions_url", token=TOKEN, url=None)
    house.registry.restart(OWNER, bot_id)
    house.wait_for_status(bot_id, Status.RUNNING)
