"""Alerts: told once, told when well again, and never a reason to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from roost.alerting.webhook import Webhook
from roost.clock import SystemClock, SystemIds
from roost.domain.alerts import Alert, AlertKind
from roost.domain.backoff import Backoff
from roost.domain.bots import BotChange, Desired, Platform, Status
from roost.domain.documents import CrawlProgress, PageRecord, Source, SourceKind
from roost.errors import AddressRefused, RemoteRejected, RemoteUnreachable
from roost.knowledge.addresses import AddressPolicy, AllowedHost, SystemResolver
from roost.services import alerts as module
from roost.services.alert_watch import AlertWatch, Condition
from roost.services.alerts import Alerts
from roost.services.backups import LAGS_S, backup_trouble
from roost.services.ingestion import Ingestion
from roost.services.owners_bots import OwnersBots
from roost.services.ports import AlertChannel, CrawlEvent
from roost.storage import alerts as store
from roost.storage import sources
from roost.storage.database import Database
from roost.telegrambot.alert_chat import AlertChat
from tests.fakes.alert_sink import AlertSink, alert_sink
from tests.fakes.bot_house import MEMBER, OWNER, BotHouse, bot_house, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_backups import FixedBackups
from tests.fakes.installation import FixedCrawler, NoIndex

QUICK = Backoff(first_s=0.05, cap_s=0.1)
ALERT = Alert(AlertKind.TROUBLE, "bot:1", "Bot (@bot) has crashed: why.", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def sink() -> Iterator[AlertSink]:
    with alert_sink() as made:
        yield made


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as server:
        yield server


def webhook(sink: AlertSink, *allowed: str, total_s: float = 15.0) -> Webhook:
    policy = AddressPolicy(SystemResolver(), [AllowedHost.parse(each) for each in allowed])
    return Webhook(sink.url, policy, total_s)


@pytest.fixture
def configs(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "bot_configs.db", "bot_configs")
    database.open()
    yield database
    database.close()


def alerts(configs: Database, *channels: AlertChannel) -> Alerts:
    return Alerts(channels, configs, SystemClock(), lambda: 0.5, QUICK)


def told_subjects(configs: Database) -> set[str]:
    with configs.read() as db:
        return set(store.told_subjects(db))


def test_a_webhook_gets_json_that_chat_programs_show(sink: AlertSink) -> None:
    webhook(sink, sink.host).deliver(ALERT)
    assert sink.received == [
        {
            "kind": "trouble",
            "subject": "bot:1",
            "text": "Roost: Bot (@bot) has crashed: why.",
            "at": "2026-01-02T00:00:00.000Z",
        }
    ]


def test_a_private_webhook_is_not_dialled_unless_it_is_allowed(sink: AlertSink) -> None:
    with pytest.raises(AddressRefused) as refused:
        webhook(sink).deliver(ALERT)
    assert refused.value.code == "address_private"
    assert sink.calls == 0
    webhook(sink, sink.host).deliver(ALERT)
    assert sink.calls == 1


@pytest.mark.parametrize(
    ("status", "error"), [(404, RemoteRejected), (302, RemoteRejected), (503, RemoteUnreachable)]
)
def test_a_webhooks_refusal_is_told_without_its_address(
    sink: AlertSink, status: int, error: type[Exception]
) -> None:
    sink.statuses.append(status)
    with pytest.raises(error) as raised:
        webhook(sink, sink.host).deliver(ALERT)
    assert "SECRET-OF-THE-HOOK" not in str(raised.value)
    assert sink.calls == 1


def test_a_webhook_that_drips_ends(sink: AlertSink) -> None:
    sink.statuses.append(0)
    began = time.monotonic()
    with pytest.raises(RemoteUnreachable):
        webhook(sink, sink.host, total_s=1.0).deliver(ALERT)
    assert time.monotonic() - began < 5


def test_trouble_is_told_once_and_so_is_its_end(sink: AlertSink, configs: Database) -> None:
    told = alerts(configs, webhook(sink, sink.host))
    told.start()
    for _ in range(5):
        told.trouble("bot:1", "is broken")
    told.well("bot:2", "was never broken")
    told.well("bot:1", "is well")
    told.well("bot:1", "is well")
    wait_until(lambda: len(sink.received) == 2)
    time.sleep(0.2)
    assert [each["kind"] for each in sink.received] == ["trouble", "well_again"]
    told.trouble("bot:1", "is broken again")
    wait_until(lambda: len(sink.received) == 3)
    told.stop()


def test_a_failing_webhook_is_tried_again_and_given_up_in_the_end(
    sink: AlertSink, configs: Database, caplog: pytest.LogCaptureFixture
) -> None:
    sink.statuses.extend([500, 429])
    told = alerts(configs, webhook(sink, sink.host))
    told.start()
    told.trouble("bot:1", "is broken")
    wait_until(lambda: len(sink.received) == 1)
    assert sink.calls == 3
    sink.statuses.extend([500] * module.ATTEMPTS_AT_MOST)
    told.trouble("bot:2", "is broken")
    wait_until(lambda: "Gave up on an alert" in caplog.text)
    told.trouble("bot:3", "is broken")
    wait_until(lambda: len(sink.received) == 2)
    assert sink.received[1]["subject"] == "bot:3"
    assert "SECRET-OF-THE-HOOK" not in caplog.text
    told.stop()


class Stuck:
    """A channel that never comes back."""

    name = "stuck"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.entered = threading.Event()

    def deliver(self, alert: Alert) -> None:
        self.entered.set()
        self.free.wait(30)


def test_a_stuck_channel_holds_up_nobody_and_no_memory(
    sink: AlertSink, configs: Database, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck()
    told = alerts(configs, stuck, webhook(sink, sink.host))
    told.start()
    began = time.monotonic()
    for number in range(module.QUEUE_LIMIT + 20):
        told.trouble(f"bot:{number}", "is broken")
        if number == 0:
            assert stuck.entered.wait(5)
    assert time.monotonic() - began < 5
    wait_until(lambda: len(sink.received) >= module.QUEUE_LIMIT)
    assert caplog.text.count("Too many alerts wait for stuck") == 19
    began = time.monotonic()
    told.stop()
    assert time.monotonic() - began < 3
    stuck.free.set()


def test_what_was_told_outlives_a_restart(sink: AlertSink, configs: Database) -> None:
    first = alerts(configs, webhook(sink, sink.host))
    first.start()
    for subject in ("bot:1", "bot:2", "backup"):
        first.trouble(subject, "is broken")
    first.well("bot:2", "is well")
    wait_until(lambda: told_subjects(configs) == {"bot:1", "backup"})
    first.stop()
    again = alerts(configs, webhook(sink, sink.host))
    again.start()
    again.trouble("bot:1", "is still broken")
    again.well("backup", "is well")
    again.well("bot:2", "is well")
    wait_until(lambda: told_subjects(configs) == {"bot:1"})
    again.forget("bot:1")
    assert told_subjects(configs) == set()
    again.stop()
    assert [(each["kind"], each["subject"]) for each in sink.received[4:]] == [("well_again", "backup")]


def test_what_not_everybody_was_told_is_told_again_by_the_next_start(
    sink: AlertSink, configs: Database
) -> None:
    stuck = Stuck()
    first = alerts(configs, webhook(sink, sink.host), stuck)
    first.start()
    first.trouble("bot:1", "is broken")
    wait_until(lambda: len(sink.received) == 1 and stuck.entered.is_set())
    first.stop()
    again = alerts(configs, webhook(sink, sink.host))
    again.start()
    again.trouble("bot:1", "is broken")
    wait_until(lambda: told_subjects(configs) == {"bot:1"})
    again.stop()
    stuck.free.set()
    assert len(sink.received) == 2


def test_an_alert_of_something_forgotten_meanwhile_is_not_remembered(configs: Database) -> None:
    stuck = Stuck()
    told = alerts(configs, stuck)
    told.start()
    told.trouble("bot:1", "is broken")
    assert stuck.entered.wait(20)
    told.forget("bot:1")
    told.trouble("bot:2", "is broken")
    stuck.free.set()
    wait_until(lambda: told_subjects(configs) == {"bot:2"})
    told.stop()


class FailingCrawler:
    """Reads nothing for as long as it is told to fail."""

    def __init__(self) -> None:
        self.fails = True

    def check_address(self, url: str) -> str:
        return url

    def crawl(
        self,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        if self.fails:
            raise RemoteUnreachable("The site does not answer.")
        return FixedCrawler().crawl(source, known, report, cancelled)


def watch(
    house: BotHouse,
    folder: Path,
    crawler: FailingCrawler,
    *channels: AlertChannel,
    conditions: Sequence[Condition] = (),
) -> tuple[AlertWatch, Ingestion]:
    knowledge = Database(folder / "knowledge.db", "knowledge")
    knowledge.open()
    crawlers = dict.fromkeys(SourceKind, crawler)
    ingestion = Ingestion(
        house.configs,
        knowledge,
        crawlers,
        NoIndex(),
        SystemClock(),
        house.events.publish,
    )
    watching = AlertWatch(
        alerts(house.configs, *channels),
        house.events,
        house.bots,
        house.supervisor,
        ingestion,
        SystemClock(),
        conditions,
        lasting_s=0.5,
    )
    watching.start()
    return watching, ingestion


def test_a_crash_and_its_end_are_told_by_webhook_and_by_another_bot_of_the_owner(
    tmp_path: Path, telegram: FakeTelegram, sink: AlertSink
) -> None:
    telegram.add(token_of(1), token_of(2), token_of(3))
    with bot_house(tmp_path, telegram.url) as house:
        members = house.add_bot(3, person=MEMBER).bot.id
        crashing, speaking = house.add_bot(1).bot.id, house.add_bot(2).bot.id
        for each in (members, crashing, speaking):
            house.wait_for_status(each, Status.RUNNING)
        owners = OwnersBots(house.bots, house.supervisor)
        chat = AlertChat(telegram.url, "-100777", lambda: owners.running(Platform.TELEGRAM))
        watching, _ = watch(house, tmp_path, FailingCrawler(), webhook(sink, sink.host), chat)
        telegram.control("revoke", token=token_of(1))
        telegram.fault("reset", method="getUpdates")
        house.registry.restart(OWNER, crashing)
        wait_until(lambda: len(telegram.sends(token_of(2), -100777)) == 1)
        fresh = token_of(1).replace("AAtest", "BBtest")
        telegram.add(fresh)
        house.registry.update(OWNER, crashing, BotChange(token=fresh))
        wait_until(lambda: len(sink.received) == 2)
        wait_until(lambda: sum(len(telegram.sends(t, -100777)) for t in (fresh, token_of(2))) == 2)
        assert telegram.sends(token_of(3)) == []
        assert [each["kind"] for each in sink.received] == ["trouble", "well_again"]
        assert "has crashed: Telegram refuses the token" in sink.received[0]["text"]
        assert "is running again" in sink.received[1]["text"]
        assert token_of(1) not in str(sink.received)
        watching.stop()


def test_a_crashed_bot_that_somebody_stops_is_not_called_well(
    tmp_path: Path, telegram: FakeTelegram, sink: AlertSink
) -> None:
    telegram.add(token_of(1))
    with bot_house(tmp_path, telegram.url) as house:
        bot_id = house.add_bot(1).bot.id
        house.wait_for_status(bot_id, Status.RUNNING)
        telegram.control("revoke", token=token_of(1))
        house.registry.restart(OWNER, bot_id)
        house.wait_for_status(bot_id, Status.CRASHED)
        # Begun after the crash: what is broken already is seen, too.
        watching, _ = watch(house, tmp_path, FailingCrawler(), webhook(sink, sink.host))
        wait_until(lambda: len(sink.received) == 1)
        house.registry.set_desired(OWNER, bot_id, Desired.STOPPED)
        house.wait_for_status(bot_id, Status.STOPPED)
        time.sleep(0.3)
        telegram.add(token_of(1))
        house.registry.set_desired(OWNER, bot_id, Desired.RUNNING)
        house.wait_for_status(bot_id, Status.RUNNING)
        time.sleep(0.3)
        assert [each["kind"] for each in sink.received] == ["trouble"]
        watching.stop()


def test_a_crawl_that_fails_twice_is_told_and_so_is_its_recovery(
    tmp_path: Path, telegram: FakeTelegram, sink: AlertSink
) -> None:
    with bot_house(tmp_path, telegram.url) as house:
        crawler = FailingCrawler()
        watching, ingestion = watch(house, tmp_path, crawler, webhook(sink, sink.host))
        now = SystemClock().now()
        source = Source(
            SystemIds(SystemClock()).new(),
            SourceKind.WEBSITE,
            "https://docs.example/",
            600,
            False,
            OWNER.id,
            now,
        )
        house.configs.write(lambda db: sources.insert_source(db, source))
        ingestion.crawl(source.id)
        time.sleep(0.3)
        assert sink.received == []
        ingestion.crawl(source.id)
        wait_until(lambda: len(sink.received) == 1)
        assert (
            "Reading https://docs.example/ has failed twice in a row: The site does not answer."
            in (sink.received[0]["text"])
        )
        ingestion.crawl(source.id)
        crawler.fails = False
        ingestion.crawl(source.id)
        wait_until(lambda: len(sink.received) == 2)
        assert sink.received[1]["kind"] == "well_again"
        watching.stop()


def test_a_bot_that_is_well_after_a_restart_is_told_so_and_one_that_is_gone_is_forgotten(
    tmp_path: Path, telegram: FakeTelegram, sink: AlertSink
) -> None:
    telegram.add(token_of(1), token_of(2))
    with bot_house(tmp_path, telegram.url) as house:
        mended, deleted = house.add_bot(1).bot.id, house.add_bot(2).bot.id
        watching, _ = watch(house, tmp_path, FailingCrawler(), webhook(sink, sink.host))
        for number, bot_id in ((1, mended), (2, deleted)):
            house.wait_for_status(bot_id, Status.RUNNING)
            telegram.control("revoke", token=token_of(number))
            house.registry.restart(OWNER, bot_id)
        wait_until(lambda: told_subjects(house.configs) == {f"bot:{mended}", f"bot:{deleted}"})
        watching.stop()
        house.registry.delete(OWNER, deleted)
    telegram.add(token_of(1))
    with bot_house(tmp_path, telegram.url) as house:
        watching, _ = watch(house, tmp_path, FailingCrawler(), webhook(sink, sink.host))
        wait_until(lambda: told_subjects(house.configs) == set())
        watching.stop()
    assert [(each["kind"], each["subject"]) for each in sink.received[2:]] == [
        ("well_again", f"bot:{mended}")
    ]


def test_copies_that_are_not_kept_up_are_told_once_it_lasts(
    tmp_path: Path, telegram: FakeTelegram, sink: AlertSink
) -> None:
    backups = FixedBackups()
    asked = threading.Event()

    def trouble() -> str | None:
        asked.set()
        return backup_trouble(backups)

    condition = Condition("backup", trouble, "The copies are up to date again.")
    with bot_house(tmp_path, telegram.url) as house:
        channel = webhook(sink, sink.host)
        watching, _ = watch(house, tmp_path, FailingCrawler(), channel, conditions=[condition])
        assert asked.wait(20)
        backups.trouble = "The bucket refuses the writing."
        wait_until(lambda: len(sink.received) == 1)
        backups.trouble = None
        wait_until(lambda: len(sink.received) == 2)
        watching.stop()
    assert [(each["kind"], each["subject"]) for each in sink.received] == [
        ("trouble", "backup"),
        ("well_again", "backup"),
    ]
    assert "gs://roost" in sink.received[0]["text"]
    assert "The bucket refuses the writing." in sink.received[0]["text"]


def test_a_copy_that_lags_is_trouble_and_one_that_ships_as_it_should_is_not() -> None:
    backups = FixedBackups()
    backups.lag_s = LAGS_S - 1
    assert backup_trouble(backups) is None
    backups.lag_s = 600
    assert "lags 600 s" in str(backup_trouble(backups))


def test_no_bot_that_can_write_is_said_with_the_remedy(tmp_path: Path, telegram: FakeTelegram) -> None:
    telegram.add(token_of(1))
    with bot_house(tmp_path, telegram.url) as house:
        owners = OwnersBots(house.bots, house.supervisor)
        chat = AlertChat(telegram.url, "41", lambda: owners.running(Platform.TELEGRAM))
        with pytest.raises(RemoteUnreachable, match="No Telegram bot of an owner is running"):
            chat.deliver(ALERT)
        house.wait_for_status(house.add_bot(1).bot.id, Status.RUNNING)
        telegram.control("block", token=token_of(1), chat_id=41)
        with pytest.raises(RemoteRejected, match="Send /start"):
            chat.deliver(ALERT)
