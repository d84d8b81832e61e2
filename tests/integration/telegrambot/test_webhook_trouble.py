"""A webhook that does not work costs time, never an update: the bot polls, says why, and tries again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from roost.clock import Clock, SystemClock
from roost.domain.backoff import Backoff
from roost.domain.bots import BotChange, Desired, Platform, Status, Transport
from roost.services.ports import BotConnector, ChatPlatform
from roost.telegrambot.connector import TelegramConnector
from roost.telegrambot.platform import TelegramPlatform
from roost.telegrambot.webhook import WebhookPace
from tests.fakes.bot_house import OWNER, BotHouse, token_of, wait_until
from tests.fakes.fake_telegram import FakeTelegram
from tests.fakes.fixed_answerer import FixedAnswerer

TOKEN = token_of(1)


class UnreachableHouse(BotHouse):
    """Its public address leads nowhere: nobody listens there."""

    def _adapters(
        self, api_base_url: str, clock: Clock, chance: Callable[[], float]
    ) -> tuple[dict[Platform, BotConnector], dict[Platform, ChatPlatform]]:
        pace = WebhookPace(check_every_s=0.2, again=Backoff(first_s=1.0, cap_s=1.0))
        with socket.create_server(("127.0.0.1", 0)) as free:
            nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        connector = TelegramConnector(api_base_url, self.services, clock, chance, nowhere, pace)
        return {Platform.TELEGRAM: connector}, {Platform.TELEGRAM: TelegramPlatform(api_base_url)}

    def add_webhook_bot(self, number: int) -> str:
        bot_id = self.add_bot(number, start=False).bot.id
        change = BotChange(transport=Transport.WEBHOOK)
        now = SystemClock().now()
        self.configs.write(lambda db: self.bots.changed(db, bot_id, change, None, now, "secret-" + "s" * 40))
        return bot_id

    def reason(self, bot_id: str) -> str:
        observed = self.supervisor.observed(bot_id)
        return (observed.reason if observed else None) or ""


@contextmanager
def house_with_bot(data_dir: Path, telegram: FakeTelegram) -> Iterator[tuple[UnreachableHouse, str]]:
    telegram.add(TOKEN)
    house = UnreachableHouse(data_dir, telegram.url, FixedAnswerer())
    house.start()
    try:
        bot_id = house.add_webhook_bot(1)
        yield house, bot_id
    finally:
        house.stop()


def want(house: UnreachableHouse, bot_id: str) -> None:
    house.registry.set_desired(OWNER, bot_id, Desired.RUNNING)


def test_what_telegram_cannot_bring_is_polled_and_the_reason_is_shown(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    with house_with_bot(tmp_path, telegram) as (house, bot_id):
        want(house, bot_id)
        house.wait_for_status(bot_id, Status.RUNNING)
        for chat_id in range(1, 6):
            telegram.text(TOKEN, chat_id, "/help")
        house.wait_for_status(bot_id, Status.DEGRADED)
        assert "Telegram cannot bring updates to http://127.0.0.1" in house.reason(bot_id)
        assert "Connection refused. Running by polling; the webhook is tried again" in house.reason(bot_id)
        wait_until(lambda: len(telegram.sends(TOKEN)) == 5)
        # With nothing left that could fail, the next try holds.
        house.wait_for_status(bot_id, Status.RUNNING)
        assert telegram.state(TOKEN)["webhook"] != ""
        assert sorted(send["chat_id"] for send in telegram.state(TOKEN)["sends"]) == [1, 2, 3, 4, 5]


def test_a_webhook_that_is_refused_is_tried_again_while_the_bot_polls(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    with house_with_bot(tmp_path, telegram) as (house, bot_id):
        telegram.fault("entities", "setWebhook", n=2)
        want(house, bot_id)
        house.wait_for_status(bot_id, Status.DEGRADED)
        assert house.reason(bot_id).startswith("Telegram refuses: ")
        assert "Running by polling" in house.reason(bot_id)
        telegram.text(TOKEN, 7, "/help")
        wait_until(lambda: len(telegram.sends(TOKEN, 7)) == 1)
        house.wait_for_status(bot_id, Status.RUNNING)
        assert telegram.state(TOKEN)["webhook"] != ""


def test_a_webhook_that_somebody_else_changed_is_shown_and_taken_back(
    tmp_path: Path, telegram: FakeTelegram
) -> None:
    with house_with_bot(tmp_path, telegram) as (house, bot_id):
        want(house, bot_id)
        house.wait_for_status(bot_id, Status.RUNNING)
        ours = telegram.state(TOKEN)["webhook"]
        telegram.control("webhook", token=TOKEN, url="http://127.0.0.1:9/elsewhere")
        house.wait_for_status(bot_id, Status.DEGRADED)
        assert "Another program has changed this bot's webhook" in house.reason(bot_id)
        house.wait_for_status(bot_id, Status.RUNNING)
        assert telegram.state(TOKEN)["webhook"] == ours


def test_a_revoked_token_is_found_out_without_polling(tmp_path: Path, telegram: FakeTelegram) -> None:
    with house_with_bot(tmp_path, telegram) as (house, bot_id):
        want(house, bot_id)
        house.wait_for_status(bot_id, Status.RUNNING)
        telegram.control("revoke", token=TOKEN)
        house.wait_for_status(bot_id, Status.CRASHED)
