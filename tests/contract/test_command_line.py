"""The command line means the same whether it speaks to a server or has opened the data folder itself."""

from __future__ import annotations

import re
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.roost_process import RoostProcess
from tests.fakes.command_line import CommandLine
from tests.fakes.docs_site import DocsSite, docs_site, html
from tests.fakes.fake_telegram import FakeTelegram

pytestmark = pytest.mark.timeout(120)

TOKENS = [f"70000010{n}:" + "A" * 35 for n in range(9)]


class House:
    """A Roost as commands reach it: by the server on its folder, by an API key, or by the folder itself."""

    def __init__(
        self, way: str, folder: Path, roost: CommandLine, telegram: FakeTelegram, site: DocsSite
    ) -> None:
        self.way = way
        self.folder = folder
        self.roost = roost
        self.telegram = telegram
        self.site = site

    @property
    def served(self) -> bool:
        return self.way != "folder"

    def token(self, number: int) -> str:
        self.telegram.add(TOKENS[number])
        return TOKENS[number]


@pytest.fixture(scope="module", params=["folder", "server", "api_key"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        telegram = stack.enter_context(FakeTelegram())
        site = stack.enter_context(docs_site())
        site.pages["/"] = html(
            "Aviary", "<main><h1>Aviary</h1><p>A perch holds up to twelve birds.</p></main>"
        )
        settings = {"TELEGRAM_API_BASE_URL": telegram.url, "ALLOW_PRIVATE_SOURCES": site.allowed}
        environ = {"DATA_DIR": str(folder), **settings}
        if request.param != "folder":
            server = stack.enter_context(RoostProcess(folder, settings).start())
            if request.param == "api_key":
                with server.client() as client:
                    key = client.post("/api/keys", json={"name": "commands"}).json()["key"]
                environ = {"ROOST_SERVER": server.base_url, "ROOST_API_KEY": key}
        yield House(request.param, folder, CommandLine(environ), telegram, site)


def test_a_bot_is_registered_listed_stopped_and_removed(house: House) -> None:
    roost, token = house.roost, house.token(0)
    bot = roost.ok("bots", "add", "--name", "Birds", "--start", stdin=token + "\n")
    assert (bot["name"], bot["desired"], bot["token_last4"]) == ("Birds", "running", "AAAA")
    assert [each["id"] for each in roost.ok("bots", "list")["items"]] == [bot["id"]]
    assert roost.ok("bots", "stop", "birds")["desired"] == "stopped"
    assert roost.ok("bots", "start", "@" + bot["handle"])["desired"] == "running"
    assert roost.ok("bots", "restart", bot["id"][-8:])["desired"] == "running"
    assert "--yes" in roost.refused("bots", "remove", "Birds")
    assert roost.ok("bots", "remove", "Birds", "--yes") == {"id": bot["id"], "deleted": True}
    assert roost.ok("bots", "list") == {"items": []}


def test_words_say_the_same_and_never_a_token(house: House) -> None:
    token = house.token(1)
    added = house.roost("bots", "add", stdin=token)
    listed = house.roost("bots", "list")
    assert added.code == listed.code == 0
    assert added.out.startswith("Registered ")
    assert listed.out.splitlines()[0].split()[:3] == ["STATUS", "NAME", "HANDLE"]
    for done in (added, listed):
        assert token not in done.out + done.err
        assert "\x1b[" not in done.out + done.err
    (bot,) = house.roost.ok("bots", "list")["items"]
    house.roost.ok("bots", "remove", bot["id"], "--yes")


def test_refusals_are_the_same_sentences(house: House) -> None:
    roost = house.roost
    assert "Telegram" in roost.refused("bots", "add", stdin="700000199:" + "B" * 35)
    assert "not a Telegram bot token" in roost.refused("bots", "add", stdin="nonsense")
    assert roost.refused("bots", "start", "nobody") == (
        "There is no bot 'nobody'. `roost bots list` shows what there is."
    )
    refused = roost("sources", "add", "http://169.254.169.254/", "--json")
    assert refused.code == 1
    assert '"address_private"' in refused.err
    assert '"address_scheme"' in roost("sources", "add", "file:///etc/passwd", "--json").err
    assert roost("ask", "   ", "--json").code == 1


def test_a_source_is_crawled_while_the_command_waits_and_its_pages_answer(house: House) -> None:
    roost = house.roost
    source = roost.ok("sources", "add", house.site.url + "/")
    assert (source["pages"], source["stage"], source["failed"]) == (1, "idle", 0)
    assert roost.ok("sources", "crawl", source["url"])["last_success_at"] > source["last_success_at"]
    answer = roost.ok("ask", "How many birds does a perch hold?")
    assert "twelve" in answer["text"]
    assert answer["citations"][0]["url"].startswith(house.site.url)
    words = roost("ask", "How many birds does a perch hold?")
    assert "twelve" in words.out
    assert re.search(r"^\[1\] .*" + re.escape(house.site.url), words.out, re.MULTILINE)
    follow_up = roost.ok("ask", "And how many perches?", "--thread", answer["thread_id"])
    assert follow_up["thread_id"] == answer["thread_id"]
    house.site.pages.pop("/", None)
    roost.ok("sources", "remove", source["id"], "--yes")
    assert roost.ok("sources", "list") == {"items": []}


def test_a_crawl_that_fails_is_a_refusal_with_its_reason(house: House) -> None:
    done = house.roost("sources", "add", house.site.url + "/nowhere", "--json")
    assert done.code == 1
    assert done.json["reason"]
    house.roost.ok("sources", "remove", done.json["id"], "--yes")


def test_status_tells_whether_a_server_runs(house: House) -> None:
    status = house.roost.ok("status")
    assert status["served"] is house.served
    assert status["state"] == "ready"
    words = house.roost("status").out
    assert ("not running" in words) is not house.served


def test_a_sign_in_link_is_the_owner_s_and_is_good_once(house: House) -> None:
    made = house.roost.ok("sign-in-link")
    address, _, code = made["url"].partition("/auth/link#")
    assert len(code) >= 40
    if house.served:
        with httpx.Client(base_url=address) as client:
            assert client.post("/auth/link", json={"code": code}).json()["user"]["role"] == "owner"
            assert client.post("/auth/link", json={"code": code}).status_code == 422


def test_a_key_is_exchanged_and_bots_keep_their_tokens(house: House) -> None:
    roost, token = house.roost, house.token(2)
    bot = roost.ok("bots", "add", stdin=token)
    before = (house.folder / "secret.key").read_text()
    done = roost.ok("rotate-key")
    assert done["resealed"] >= 1
    assert (done["unreadable"], done["resumed"], done["from_environment"]) == (0, False, False)
    assert (house.folder / "secret.key").read_text() != before
    assert not (house.folder / "secret.key.previous").exists()
    assert stat.S_IMODE((house.folder / "secret.key").stat().st_mode) == 0o600
    assert roost.ok("bots", "start", bot["id"])["status"] != "crashed"
    assert roost.ok("rotate-key")["resealed"] >= 1
    roost.ok("bots", "remove", bot["id"], "--yes")


def test_a_workspace_goes_out_and_comes_back(house: House, tmp_path: Path) -> None:
    roost = house.roost
    bot = roost.ok("bots", "add", "--prompt", "friendly", stdin=house.token(3))
    roost.ok("ask", "What is a perch?")
    file = tmp_path / "mine.zip"
    written = roost.ok("export", str(file))
    assert written["tokens"] is False
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TOKENS[3].encode() not in b"".join(_unpacked(file).values())
    assert b"What is a perch?" in _unpacked(file)["conversations.jsonl"]
    again = roost.ok("import", str(file))
    assert (again["bots"], again["refused"]) == ({"added": 0, "known": 1}, [])
    assert again["messages"]["added"] == 0
    assert again["messages"]["known"] >= 2
    roost.ok("bots", "remove", bot["id"], "--yes")
    back = roost.ok("import", str(file))
    assert (back["bots"], back["tokens_missing"]) == ({"added": 1, "known": 0}, 1)
    assert "imported without its token" in roost.refused("bots", "start", bot["id"])
    roost.ok("bots", "remove", bot["id"], "--yes")


def test_tokens_leave_only_to_the_machine_itself(house: House, tmp_path: Path) -> None:
    roost = house.roost
    bot = roost.ok("bots", "add", stdin=house.token(4))
    file = tmp_path / "with.zip"
    if house.way == "api_key":
        assert "on its machine" in roost.refused("export", str(file), "--with-tokens")
        assert list(tmp_path.iterdir()) == []
    else:
        assert roost.ok("export", str(file), "--with-tokens")["tokens"] is True
        assert TOKENS[4].encode() in _unpacked(file)["bots.jsonl"]
        roost.ok("bots", "remove", bot["id"], "--yes")
        assert roost.ok("import", str(file))["tokens_missing"] == 0
        assert roost.ok("bots", "start", bot["id"])["desired"] == "running"
    roost.ok("bots", "remove", bot["id"], "--yes")


def test_what_is_no_export_is_refused_and_changes_nothing(house: House, tmp_path: Path) -> None:
    file = tmp_path / "no.zip"
    file.write_bytes(b"PK not at all")
    assert "no whole file" in house.roost.refused("import", str(file))
    file.write_bytes(b"")
    assert "no whole file" in house.roost.refused("import", str(file))


def test_commands_at_once_wait_for_each_other(house: House) -> None:
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(house.roost("bots", "list").code)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [0, 0, 0, 0]


def test_logs_are_the_running_server_s(house: House) -> None:
    bot = house.roost.ok("bots", "add", "--start", stdin=house.token(5))
    if house.served:
        logs = house.roost.ok("bots", "logs", bot["id"], "--level", "info")
        assert {line["level"] for line in logs["items"]} <= {"info", "warning", "error"}
    else:
        assert "Start Roost" in house.roost.refused("bots", "logs", bot["id"])
    house.roost.ok("bots", "remove", bot["id"], "--yes")


def _unpacked(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
