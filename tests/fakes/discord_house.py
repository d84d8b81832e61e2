"""All of Roost that Discord bots need, on real files: for tests in this process, and as one to kill.

`python -m tests.fakes.discord_house DATA_DIR FAKE_URL [hold] [slow]` runs the stored bots until it is killed.
With `hold` no answer is ever made, with `slow` they are long in the making.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from roost import log
from roost.clock import Clock, SystemClock, SystemIds
from roost.discordbot.connector import DiscordConnector
from roost.discordbot.platform import DiscordPlatform
from roost.domain.accounts import Person
from roost.domain.bots import Bot, BotView, Desired, NewBot, Platform, Transport
from roost.services.gateway_inbox import GatewayInbox
from roost.services.ports import BotConnector, ChatPlatform
from roost.storage.secrets import Cipher
from tests.fakes.bot_house import OWNER, SECRET_KEY, BotHouse
from tests.fakes.discord_world import FakeBot
from tests.fakes.fake_discord import token_of
from tests.fakes.fixed_answerer import FixedAnswerer

IDENTIFY_EVERY_S = 0.2
HEARTBEAT_TIMEOUT_S = 10.0


class DiscordHouse(BotHouse):
    """Sessions begin anew after a fifth of a second; a gateway may be silent for ten."""

    heartbeat_timeout_s = HEARTBEAT_TIMEOUT_S
    public_url: str | None = None

    def _adapters(
        self, api_base_url: str, clock: Clock, chance: Callable[[], float]
    ) -> tuple[dict[Platform, BotConnector], dict[Platform, ChatPlatform]]:
        connector = DiscordConnector(
            f"{api_base_url}/api/v10",
            f"{api_base_url.replace('http', 'ws', 1)}/gateway",
            self.services,
            GatewayInbox(self.conversations, Cipher(SECRET_KEY), clock),
            clock,
            chance,
            identify_every_s=IDENTIFY_EVERY_S,
            heartbeat_timeout_s=self.heartbeat_timeout_s,
            public_url=self.public_url,
        )
        return {Platform.DISCORD: connector}, {Platform.DISCORD: DiscordPlatform(f"{api_base_url}/api/v10")}

    def add_bot(self, number: int, *, start: bool = True, person: Person = OWNER) -> BotView:
        """Registers and starts the bot, whose token the fake must know."""
        return self.registry.create(person, NewBot(Platform.DISCORD, token_of(number), start=start))

    def seed_bot(self, number: int, transport: Transport = Transport.POLLING) -> str:
        """Puts a wanted bot into storage without asking the platform; returns its id."""
        ids, now, token = SystemIds(SystemClock()), SystemClock().now(), token_of(number)
        bot = Bot(
            id=ids.new(),
            owner_id=OWNER.id,
            platform=Platform.DISCORD,
            platform_bot_id=FakeBot(token).application_id,
            name=f"Bot {number}",
            handle=f"bot{number}",
            token_last4=token[-4:],
            model=None,
            system_prompt="default",
            desired=Desired.RUNNING,
            desired_since=now,
            base_url=None,
            has_api_key=False,
            source_ids=None,
            allowed_chats=None,
            transport=transport,
            created_at=now,
            updated_at=now,
        )
        self.configs.write(
            lambda db: self.bots.register(db, bot, token, None, lambda other: ValueError(other.id), None)
        )
        return bot.id

    def log_texts(self, bot_id: str) -> list[str]:
        """The lines of the bot's log."""
        return [line.text for line in self.logs.read(bot_id, limit=200).lines]


@contextmanager
def discord_house(data_dir: Path, url: str, answerer: FixedAnswerer | None = None) -> Iterator[DiscordHouse]:
    """A house that listens for as long as the block lasts."""
    house = DiscordHouse(data_dir, url, answerer or FixedAnswerer())
    house.start()
    try:
        yield house
    finally:
        house.stop()


def main() -> None:
    data_dir, url, *options = sys.argv[1:]
    log.configure("INFO", as_json=False)
    answerer = FixedAnswerer()
    if "hold" in options:
        answerer.hold()
    if "slow" in options:
        answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(1_000)), 0.05
    DiscordHouse(Path(data_dir), url, answerer).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
