"""All of Roost that bots need, on real files: for tests in this process, and as one to kill.

`python -m tests.fakes.bot_house DATA_DIR API_BASE_URL [hold] [slow]` runs the stored bots until it is killed.
With `hold` no answer is ever made, with `slow` they are long in the making.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text

from roost import log
from roost.clock import Clock, SystemClock, SystemIds, timestamp
from roost.domain.accounts import Person, Role
from roost.domain.bots import Bot, BotView, Desired, NewBot, Platform, Status
from roost.knowledge.addresses import AddressPolicy, SystemResolver
from roost.loop_thread import LoopThread
from roost.services.audit import Audit
from roost.services.bot_logs import BotLogs
from roost.services.bot_presence import BotPresence
from roost.services.bot_registry import BotRegistry
from roost.services.bot_services import BotServices
from roost.services.chat_feedback import ChatFeedback
from roost.services.inbox import Inbox
from roost.services.live_events import LiveEvents
from roost.services.ports import Answerer, BotConnector, ChatPlatform
from roost.services.privacy import Privacy
from roost.services.spending import Spending
from roost.services.supervisor import Supervisor
from roost.storage.bots import BotStore
from roost.storage.database import Database
from roost.storage.secrets import Cipher
from roost.telegrambot.connector import TelegramConnector
from roost.telegrambot.platform import TelegramPlatform
from tests.fakes.fixed_answerer import FixedAnswerer

SECRET_KEY = "a-secret-key-that-is-long-enough-for-the-cipher"
OWNER = Person("owner", "Olga", "olga@example.org", Role.OWNER)
MEMBER = Person("member", "Max", "max@example.org", Role.MEMBER)
STRANGER = Person("stranger", "Stan", "stan@example.org", Role.MEMBER)
GUEST = Person("guest", "Gus", "gus@example.org", Role.GUEST)


def token_of(number: int) -> str:
    """The token of the bot with that number, as Telegram would write it."""
    return f"{7_000_000 + number}:{'AAtestTokenOfBot' + str(number):x<35}"


class HouseAnswerer(Answerer, Protocol):
    """Answers, and lets go of whatever it holds when the house is closed."""

    def release(self) -> None: ...


class BotHouse:
    """Opens the databases of a folder and constructs everything; `start` begins to poll."""

    def __init__(
        self, data_dir: Path, api_base_url: str, answerer: HouseAnswerer, secret_key: str = SECRET_KEY
    ) -> None:
        clock = SystemClock()
        ids = SystemIds(clock)
        self.answerer = answerer
        self.configs = Database(data_dir / "bot_configs.db", "bot_configs")
        self.conversations = Database(data_dir / "conversations.db", "conversations")
        self.configs.open()
        self.conversations.open()
        self.configs.write(_add_people)
        self.events = LiveEvents()
        self.bots = BotStore(self.configs, Cipher(secret_key))
        self.inbox = Inbox(self.conversations, clock, ids)
        self.logs = BotLogs(clock, self.events.publish)
        chance = random.Random(4).random
        self.spending = Spending(self.conversations, clock, 200, 50_000)
        self.presence = BotPresence(clock, self.events.publish)
        self.services = BotServices(
            self.inbox,
            answerer,
            self.logs,
            ChatFeedback(self.conversations, clock),
            Privacy(self.conversations, self.spending, clock, None),
            self.spending,
            self.presence,
        )
        audit = Audit(self.configs, clock, ids)
        connectors, platforms = self._adapters(api_base_url, clock, chance)
        self.supervisor = Supervisor(
            self.bots, connectors, self.logs, clock, chance, self.events.publish, audit
        )
        self.registry = BotRegistry(
            self.bots,
            self.inbox,
            self.supervisor,
            self.logs,
            platforms,
            AddressPolicy(SystemResolver()),
            clock,
            ids,
            self.events.publish,
            self.spending,
            self.presence,
            audit,
        )
        self._loop_thread = LoopThread(clock)

    def _adapters(
        self, api_base_url: str, clock: Clock, chance: Callable[[], float]
    ) -> tuple[dict[Platform, BotConnector], dict[Platform, ChatPlatform]]:
        connector = TelegramConnector(api_base_url, self.services, clock, chance)
        return {Platform.TELEGRAM: connector}, {Platform.TELEGRAM: TelegramPlatform(api_base_url)}

    def start(self) -> None:
        self.supervisor.start(self._loop_thread.start())

    def stop(self) -> None:
        self.supervisor.stop(2.0)
        self._loop_thread.stop(2.0)
        self.answerer.release()
        self.configs.close()
        self.conversations.close()

    def add_bot(self, number: int, *, start: bool = True, person: Person = OWNER) -> BotView:
        """Registers and starts the bot, whose token the fake must know."""
        return self.registry.create(person, NewBot(Platform.TELEGRAM, token_of(number), start=start))

    def seed_bot(self, number: int) -> str:
        """Puts a wanted bot into storage without asking the platform; returns its id."""
        ids, now = SystemIds(SystemClock()), SystemClock().now()
        bot = Bot(
            id=ids.new(),
            owner_id=OWNER.id,
            platform=Platform.TELEGRAM,
            platform_bot_id=token_of(number).partition(":")[0],
            name=f"Bot {number}",
            handle=f"bot{number}_bot",
            token_last4=token_of(number)[-4:],
            model=None,
            system_prompt="default",
            desired=Desired.RUNNING,
            desired_since=now,
            base_url=None,
            has_api_key=False,
            source_ids=None,
            allowed_chats=None,
            transport="polling",
            created_at=now,
            updated_at=now,
        )
        self.configs.write(
            lambda db: self.bots.register(
                db, bot, token_of(number), None, lambda other: ValueError(other.id), None
            )
        )
        return bot.id

    def status(self, bot_id: str) -> Status | None:
        observed = self.supervisor.observed(bot_id)
        return observed.status if observed else None

    def wait_for_status(self, bot_id: str, status: Status, timeout_s: float = 40.0) -> None:
        wait_until(lambda: self.status(bot_id) is status, timeout_s)

    def inbox_statuses(self) -> dict[str, int]:
        with self.conversations.read() as db:
            rows = db.execute(text("SELECT status, count(*) AS n FROM inbox GROUP BY status"))
            return {row.status: row.n for row in rows}


@contextmanager
def bot_house(data_dir: Path, api_base_url: str, answerer: HouseAnswerer | None = None) -> Iterator[BotHouse]:
    """A house that polls for as long as the block lasts."""
    house = BotHouse(data_dir, api_base_url, answerer or FixedAnswerer())
    house.start()
    try:
        yield house
    finally:
        house.stop()


def wait_until(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    """Raises AssertionError when the condition does not come true in time: long, for a busy machine."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s} s")
        time.sleep(0.02)


def _add_people(db: Connection) -> None:
    for person in (OWNER, MEMBER, STRANGER, GUEST):
        db.execute(
            text(
                "INSERT OR IGNORE INTO users (id, kind, subject, email, name, role, created_at)"
                " VALUES (:id, 'local', :id, :email, :name, :role, :at)"
            ),
            {
                "id": person.id,
                "email": person.email,
                "name": person.name,
                "role": person.role.value,
                "at": timestamp(SystemClock().now()),
            },
        )


def main() -> None:
    data_dir, api_base_url, *options = sys.argv[1:]
    log.configure("INFO", as_json=False)
    answerer = FixedAnswerer()
    if "hold" in options:
        answerer.hold()
    if "slow" in options:
        answerer.deltas, answerer.pause_s = tuple(f"word{n} " for n in range(1_000)), 0.05
    BotHouse(Path(data_dir), api_base_url, answerer).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
