"""What the suites of Discord bots share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.domain.bots import Status
from tests.fakes.discord_house import DiscordHouse, discord_house
from tests.fakes.fake_discord import FakeDiscord, token_of
from tests.fakes.fixed_answerer import FixedAnswerer


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as server:
        yield server


@pytest.fixture
def answerer() -> FixedAnswerer:
    return FixedAnswerer()


@pytest.fixture
def house(tmp_path: Path, discord: FakeDiscord, answerer: FixedAnswerer) -> Iterator[DiscordHouse]:
    """With the first bot running."""
    discord.add(token_of(1))
    with discord_house(tmp_path, discord.url, answerer) as running:
        bot = running.add_bot(1)
        running.wait_for_status(bot.bot.id, Status.RUNNING)
        yield running
