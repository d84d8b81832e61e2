"""Who may bring updates: nobody who is not vouched for, and not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost.domain.bots import BotChange, Transport
from roost.services.readiness import State
from roost.storage.sealed import reseal
from tests.fakes.installation import TOKEN, Installation, installation

ADDRESS = "/webhooks/telegram/0193e4a1-0000-7000-8000-000000000000"
PUBLIC = "http://localhost:8000"


def test_guessers_are_told_to_wait_and_then_may_guess_again(house: Installation) -> None:
    browser = house.browser()
    statuses = [browser.post(ADDRESS, {"update_id": 1}).status_code for _ in range(121)]
    assert statuses == [401] * 120 + [429]
    house.clock.step(61)
    assert browser.post(ADDRESS, {"update_id": 1}).status_code == 401


def test_what_comes_from_another_site_or_before_roost_is_ready(house: Installation) -> None:
    browser = house.browser()
    from_a_page = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert browser.post(ADDRESS, {}, headers=from_a_page).status_code == 401
    assert browser.post(ADDRESS, {}, base_url="http://evil.example").status_code == 400
    assert browser.get(ADDRESS).status_code == 405
    house.readiness.set(State.RESTORING)
    early = browser.post(ADDRESS, {})
    assert (early.status_code, early.json["error"]["code"]) == (503, "restoring")


def test_the_secret_is_sealed_kept_while_it_is_used_and_gone_with_the_mode(tmp_path: Path) -> None:
    with installation(tmp_path, {"PUBLIC_URL": PUBLIC}) as house:
        owner = house.sign_in()
        new = {"platform": "telegram", "token": TOKEN, "transport": "webhook"}
        made = owner.post("/api/bots", new)
        assert (made.status_code, made.json["transport"]) == (201, "webhook")
        bot_id = made.json["id"]

        def secret() -> str | None:
            return house.bot_store.credentials(bot_id).webhook_secret

        def switch(transport: str) -> None:
            body = {"transport": transport}
            assert owner.patch(f"/api/bots/{bot_id}", body).json["transport"] == transport

        first = secret()
        assert first is not None
        assert len(first) >= 43
        switch("webhook")
        assert secret() == first
        stored = (tmp_path / "bot_configs.db-wal").read_bytes() + (tmp_path / "bot_configs.db").read_bytes()
        assert first.encode() not in stored
        resealed = house.bot_configs.write(lambda db: reseal(db, "bot_configs", house.cipher))
        assert resealed.unreadable == 0
        switch("polling")
        assert secret() is None
        switch("webhook")
        assert secret() not in (None, first)


def test_a_webhook_without_a_public_address_is_refused_at_once(house: Installation) -> None:
    owner = house.sign_in()
    new = {"platform": "telegram", "token": TOKEN, "transport": "webhook"}
    refused = owner.post("/api/bots", new)
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "transport")
    assert not house.platform.asked.is_set()
    assert owner.post("/api/bots", {**new, "transport": "pigeon"}).status_code == 422


@pytest.mark.parametrize("transport", list(Transport))
def test_a_change_of_something_else_leaves_the_transport(house: Installation, transport: Transport) -> None:
    owner = house.sign_in()
    bot_id = owner.post("/api/bots", {"platform": "telegram", "token": TOKEN}).json["id"]
    now = house.clock.now()
    change = BotChange(transport=transport)
    house.bot_configs.write(lambda db: house.bot_store.changed(db, bot_id, change, None, now, "s" * 43))
    assert owner.patch(f"/api/bots/{bot_id}", {"name": "Other"}).json["transport"] == transport
