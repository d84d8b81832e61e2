"""Platforms bring updates to the real server: only their own are taken, each handled once, none lost."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from roost.domain.accounts import Role
from tests.e2e.people import seed_sessions
from tests.e2e.world import QUESTION, TOKEN, World, wait_for, world
from tests.fakes import fake_discord
from tests.fakes.discord_world import FakeBot
from tests.fakes.fake_discord import FakeDiscord

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SECRET = "X-Telegram-Bot-Api-Secret-Token"


class Reachable:
    """A server at a known public address; `client` is its owner's, `bot_id` a bot of the world's TOKEN."""

    def __init__(self, here: World, client: httpx.Client) -> None:
        self.here = here
        self.client = client
        here.telegram.add(TOKEN)
        new = {"platform": "telegram", "token": TOKEN, "transport": "webhook", "start": True}
        reply = client.post("/api/bots", json=new)
        assert reply.status_code == 201, reply.text
        self.bot_id = str(reply.json()["id"])
        wait_for(lambda: self.telegram["webhook"] != "", "the webhook is set")
        wait_for(lambda: self.bot()["status"] == "running", "the bot runs")

    @property
    def telegram(self) -> Any:
        return self.here.telegram.state(TOKEN)

    def bot(self) -> Any:
        return self.client.get(f"/api/bots/{self.bot_id}").json()

    def bring(
        self, update: object = None, headers: dict[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        content = more or {"json": update}
        shown = {SECRET: self.telegram["webhook_secret"]} if headers is None else headers
        return httpx.post(self.telegram["webhook"], headers=shown, timeout=10, **content)

    def switch(self, transport: str) -> None:
        reply = self.client.patch(f"/api/bots/{self.bot_id}", json={"transport": transport})
        assert (reply.status_code, reply.json()["transport"]) == (200, transport)

    def counts(self) -> Counter[int]:
        return Counter(send["chat_id"] for send in self.telegram["sends"])


@contextmanager
def public(data_dir: Path, environ: dict[str, str] | None = None) -> Iterator[tuple[World, httpx.Client]]:
    """A running server at a known public address, and its owner."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    [(_, session)] = seed_sessions(data_dir, [Role.OWNER])
    address = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with world(data_dir, {**address, **(environ or {})}) as here:
        here.roost.start()
        cookies = {"roost_session": session}
        with httpx.Client(base_url=here.roost.base_url, cookies=cookies, timeout=20) as client:
            yield here, client


@contextmanager
def reachable(data_dir: Path) -> Iterator[Reachable]:
    with public(data_dir) as (here, client):
        yield Reachable(here, client)


def update(update_id: int, chat_id: int = 900) -> dict[str, Any]:
    person = {"id": chat_id, "is_bot": False, "first_name": "U"}
    chat = {"id": chat_id, "type": "private"}
    message = {"message_id": update_id, "date": 1, "chat": chat, "from": person, "text": "/help"}
    return {"update_id": update_id, "message": message}


def test_only_telegrams_own_deliveries_are_taken_each_once(tmp_path: Path) -> None:
    with reachable(tmp_path) as it:
        assert not it.telegram["polling"]
        it.here.telegram.text(TOKEN, 100, "/help")
        wait_for(lambda: it.counts()[100] == 1, "what Telegram brought is answered")
        assert [each["status"] for each in it.telegram["brought"]] == [200]

        # Hostile case 80, and nobody learns which bots there are.
        url = it.telegram["webhook"]
        refusals = [
            it.bring(update(1), {}),
            it.bring(update(1), {SECRET: "guessed"}),
            it.bring(update(1), {SECRET: "gu\u00e9ss\u00e9d".encode()}),
            httpx.post(url.replace(it.bot_id, "0193e4a1-0000-7000-8000-000000000000"), json=update(1)),
            httpx.post(url.replace("telegram", "discord"), json=update(1)),
            it.bring(headers={}, content=b"x" * 2_000_000),
        ]
        assert [each.status_code for each in refusals] == [401] * 6
        codes = {each.json()["error"]["code"] for each in refusals}
        assert codes == {"not_vouched_for"}
        assert it.counts().total() == 1

        # Hostile case 83.
        assert [it.bring(update(5_000)).status_code for _ in range(3)] == [200, 200, 200]
        wait_for(lambda: it.counts()[900] == 1, "it is answered")
        time.sleep(1)
        assert it.counts()[900] == 1

        assert it.bring(content=b"x" * 2_000_000).status_code == 413
        for junk in (b"", b"no", b"[]", b"{}", b'{"update_id": true}', b"[" * 100_000):
            assert it.bring(content=junk).status_code == 422, junk[:20]
        assert it.bring({"update_id": 6_000, "poll": {"odd": None}}).status_code == 200
        from_a_page = {SECRET: it.telegram["webhook_secret"], "Origin": "https://evil.example"}
        assert it.bring(update(5_000), from_a_page).status_code == 200
        assert it.bot()["status"] == "running"
        assert it.telegram["webhook_secret"] not in it.here.roost.printed
        assert it.telegram["webhook_secret"] not in it.client.get(f"/api/bots/{it.bot_id}").text


def test_killed_between_acknowledgement_and_answer_everybody_is_answered_once(tmp_path: Path) -> None:
    with reachable(tmp_path) as it:
        telegram = it.here.telegram
        telegram.hold("sendMessage", accept=False)
        for chat_id in range(101, 109):
            telegram.text(TOKEN, chat_id, QUESTION)
        wait_for(lambda: len(it.telegram["brought"]) == 8, "all eight are brought")
        it.here.roost.kill()
        for chat_id in range(201, 205):
            telegram.text(TOKEN, chat_id, QUESTION)
        wait_for(lambda: it.telegram["brought"][-1]["status"] == 0, "nobody takes the ninth")
        telegram.release()
        it.here.roost.start()
        asked = (*range(101, 109), *range(201, 205))
        wait_for(lambda: set(it.counts()) == set(asked), "all twelve are answered", within_s=60)
        time.sleep(1)
        assert it.counts() == Counter(dict.fromkeys(asked, 1))


def test_switching_the_transport_to_and_fro_loses_nothing_and_leaves_no_webhook(tmp_path: Path) -> None:
    with reachable(tmp_path) as it:
        first_secret = it.telegram["webhook_secret"]
        chats: list[int] = []
        for transport in ("polling", "webhook", "polling", "webhook", "polling"):
            chats += [300 + len(chats), 301 + len(chats)]
            it.here.telegram.text(TOKEN, chats[-2], "/help")
            it.switch(transport)
            it.here.telegram.text(TOKEN, chats[-1], "/help")
        wait_for(lambda: set(it.counts()) == set(chats), "all are answered", within_s=30)
        wait_for(lambda: it.here.telegram.polling() == 1, "the bot polls")
        assert it.counts() == Counter(dict.fromkeys(chats, 1))
        assert it.telegram["webhook"] == ""
        assert it.telegram["webhook_secret"] != first_secret
        old = f"{it.here.roost.base_url}/webhooks/telegram/{it.bot_id}"
        shown = {SECRET: it.telegram["webhook_secret"]}
        assert httpx.post(old, json=update(1), headers=shown).status_code == 401


def test_a_stopped_or_deleted_bot_is_brought_nothing_and_a_restarted_server_still_is(tmp_path: Path) -> None:
    with reachable(tmp_path) as it:
        url = it.telegram["webhook"]
        assert it.here.roost.terminate() == 0
        assert it.telegram["webhook"] == url
        it.here.roost.start()
        wait_for(lambda: it.bot()["status"] == "running", "the bot runs again")
        it.client.post(f"/api/bots/{it.bot_id}/stop")
        wait_for(lambda: it.telegram["webhook"] == "", "the webhook is unset")
        it.here.telegram.text(TOKEN, 400, "/help")
        it.client.post(f"/api/bots/{it.bot_id}/start")
        wait_for(lambda: it.counts()[400] == 1, "what waited is answered")
        assert it.client.delete(f"/api/bots/{it.bot_id}").status_code == 204
        wait_for(lambda: it.telegram["webhook"] == "", "the webhook is unset")


def test_without_a_public_address_a_webhook_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.roost.start()
        here.telegram.add(TOKEN)
        with here.roost.client() as client:
            bot_id = client.post("/api/bots", json={"platform": "telegram", "token": TOKEN}).json()["id"]
            refused = client.patch(f"/api/bots/{bot_id}", json={"transport": "webhook"})
            assert refused.status_code == 422
            assert refused.json()["error"]["field"] == "transport"
            assert "PUBLIC_URL" in refused.json()["error"]["message"]
            assert client.get(f"/api/bots/{bot_id}").json()["transport"] == "polling"


DISCORD_TOKEN = fake_discord.token_of(1)


@contextmanager
def on_discord(data_dir: Path) -> Iterator[tuple[World, httpx.Client, FakeDiscord, str]]:
    """A Discord bot whose slash commands Discord brings, and its id."""
    with FakeDiscord() as discord:
        environ = {"DISCORD_API_BASE_URL": discord.api_base_url, "DISCORD_GATEWAY_URL": discord.gateway_url}
        with public(data_dir, environ) as (here, client):
            discord.add(DISCORD_TOKEN)
            new = {"platform": "discord", "token": DISCORD_TOKEN, "transport": "webhook", "start": True}
            reply = client.post("/api/bots", json=new)
            assert reply.status_code == 201, reply.text
            wait_for(lambda: interactions_url(discord) is not None, "Discord knows the address")
            yield here, client, discord, str(reply.json()["id"])


def interactions_url(discord: FakeDiscord) -> str | None:
    url: str | None = discord.state(DISCORD_TOKEN)["interactions_url"]
    return url


def texts(discord: FakeDiscord) -> list[list[str]]:
    return [each["texts"] for each in discord.state(DISCORD_TOKEN)["interactions"]]


def slash(discord: FakeDiscord, user_id: int, name: str, question: str | None = None) -> int:
    given = {"token": DISCORD_TOKEN, "user_id": user_id, "name": name, "question": question}
    return int(discord.control("slash", **given)["status"])


def test_discords_own_interactions_are_deferred_and_answered_and_forged_or_old_ones_refused(
    tmp_path: Path,
) -> None:
    with on_discord(tmp_path) as (_, client, discord, bot_id):
        assert slash(discord, 11, "help") == 200
        assert slash(discord, 12, "ask", QUESTION) == 200
        wait_for(lambda: all(texts(discord)), "both are answered")
        discord.private(DISCORD_TOKEN, 13, "/help")
        wait_for(lambda: bool(discord.answers(DISCORD_TOKEN, 13)), "messages still come over the gateway")

        url, bot, now = interactions_url(discord), FakeBot(DISCORD_TOKEN), int(time.time())
        assert url is not None
        ping = b'{"type":1}'
        genuine = bot.signed(ping, now)
        signature, stamp = "X-Signature-Ed25519", "X-Signature-Timestamp"
        taken = httpx.post(url, content=ping, headers=genuine)
        assert (taken.status_code, taken.json()) == (200, {"type": 1})
        forged = [
            {},
            {**genuine, signature: "00" * 64},  # hostile case 81
            {**genuine, signature: "no hex"},
            {**genuine, signature: genuine[signature][:-2]},
            {**genuine, stamp: str(now + 1)},
            bot.signed(ping, now - 301),  # hostile case 82
            bot.signed(ping, now + 400),
            {**genuine, stamp: ""},
            {**genuine, stamp: "9" * 30},
        ]
        assert [httpx.post(url, content=ping, headers=each).status_code for each in forged] == [401] * 9
        assert httpx.post(url, content=b'{"type":2}', headers=genuine).status_code == 401
        long = b'{"type":1,"more":"' + b"x" * 300_000 + b'"}'
        assert httpx.post(url, content=long, headers=bot.signed(long, now)).status_code == 401
        other = url.replace(bot_id, "0193e4a1-0000-7000-8000-000000000000")
        assert httpx.post(other, content=ping, headers=genuine).status_code == 401
        for odd, status in ((b"no", 422), (b"[]", 422), (b"{}", 200), (b'{"type":3}', 200)):
            answer = httpx.post(url, content=odd, headers=bot.signed(odd, now))
            assert answer.status_code == status, odd
            if status == 200:
                assert answer.json()["data"]["flags"] == 64

        client.patch(f"/api/bots/{bot_id}", json={"transport": "polling"})
        wait_for(lambda: interactions_url(discord) is None, "the address is taken back")
        assert json.loads(client.get(f"/api/bots/{bot_id}").text)["transport"] == "polling"


def test_a_press_that_discord_brings_counts_and_is_shown(tmp_path: Path) -> None:
    with on_discord(tmp_path) as (_, _, discord, _):
        discord.private(DISCORD_TOKEN, 41, QUESTION)
        wait_for(lambda: bool(discord.answers(DISCORD_TOKEN, 41)), "the question is answered")
        answer = discord.state(DISCORD_TOKEN)["messages"][-1]["id"]
        wait_for(lambda: bool(discord.buttons(DISCORD_TOKEN, answer)), "it has grown to its end")
        up, down = discord.buttons(DISCORD_TOKEN, answer)
        given = {"token": DISCORD_TOKEN, "message_id": answer, "user_id": 41, "button": up}
        assert discord.control("press", **given)["status"] == 200
        wait_for(lambda: discord.buttons(DISCORD_TOKEN, answer) == [f"{up} Noted", down], "it is shown")
        with closing(sqlite3.connect(tmp_path / "conversations.db", timeout=5)) as db:
            assert db.execute("SELECT thumb FROM feedback").fetchall() == [("up",)]


def test_an_interaction_taken_before_a_kill_is_answered_once_after_it(tmp_path: Path) -> None:
    with on_discord(tmp_path) as (here, _, discord, _):
        discord.control("hold", operation="editOriginal", accept=False)
        assert [slash(discord, user_id, "help") for user_id in range(21, 26)] == [200] * 5
        here.roost.kill()
        assert slash(discord, 31, "help") == 0
        discord.control("release")
        here.roost.start()
        wait_for(lambda: all(texts(discord)[:5]), "all that were taken are answered", within_s=60)
        time.sleep(1)
        assert [len(each) for each in texts(discord)] == [1] * 5 + [0]
