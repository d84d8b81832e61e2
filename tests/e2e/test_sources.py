"""Sources through the running server: what it refuses to read, and a crawl that is cut off by a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.roost_process import RoostProcess
from tests.fakes import docs_site as fake
from tests.fakes.docs_site import DocsSite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

REFUSED = [
    ("http://169.254.169.254", "address_private"),  # Hostile case 1
    ("http://metadata.google.internal", "address_private"),  # Hostile case 2
    ("http://2852039166", "address_private"),  # Hostile case 3
    ("http://0xa9fea9fe", "address_private"),  # Hostile case 4
    ("http://0177.0.0.1", "address_private"),  # Hostile case 5
    ("http://127.1", "address_private"),  # Hostile case 6
    ("http://①②⑦.⓪.⓪.①", "address_private"),  # Hostile case 7
    ("http://[::ffff:169.254.169.254]", "address_private"),  # Hostile case 8
    ("http://[64:ff9b::a9fe:a9fe]", "address_private"),  # Hostile case 9
    ("http://[2002:a9fe:a9fe::1]", "address_private"),  # Hostile case 9
    ("http://[fd20:ce::254]", "address_private"),  # Hostile case 10
    ("http://100.64.0.1", "address_private"),  # Hostile case 11
    ("file:///etc/passwd", "address_scheme"),  # Hostile case 15
    ("gopher://docs.example.com/", "address_scheme"),  # Hostile case 15
    ("data:text/html,hello", "address_scheme"),  # Hostile case 15
    ("http://a@127.0.0.1/", "address_userinfo"),  # Hostile case 16
    ("http://ok#@127.0.0.1", "address_userinfo"),  # Hostile case 16
    ("http://docs.example.com:22/", "address_port"),  # Hostile case 17
    ("http://docs.example.com:6379/", "address_port"),  # Hostile case 17
    ("no address at all", "address_malformed"),
]


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with fake.docs_site() as running:
        yield running


def fill(site: DocsSite, count: int) -> None:
    links = "".join(f"<a href='/p{n}'>{n}</a> " for n in range(count))
    site.pages["/"] = fake.html("Home", f"<p>Welcome to the docs of the widgets.</p>{links}")
    for n in range(count):
        site.pages[f"/p{n}"] = fake.html(
            f"Page {n}", f"<h2 id='part-{n}'>Widget {n}</h2><p>Widget {n} weighs {n * 7} grams.</p>"
        )


def wait_for(read: Callable[[], bool], within_s: float = 30.0) -> None:
    ends_at = time.monotonic() + within_s
    while not read():
        assert time.monotonic() < ends_at, "it did not come about in time"
        time.sleep(0.05)


def only_source(client: httpx.Client) -> dict[str, object]:
    items = client.get("/api/sources").json()["items"]
    assert len(items) == 1
    found: dict[str, object] = items[0]
    return found


def test_private_addresses_are_refused_in_every_disguise_and_allowed_ones_are_read(
    tmp_path: Path, site: DocsSite
) -> None:
    # Hostile case 14
    fill(site, 2)
    site.pages["/p1"] = fake.redirect("http://169.254.169.254/computeMetadata/v1/")
    with (
        RoostProcess(tmp_path, {"ALLOW_PRIVATE_SOURCES": site.allowed}).start() as roost,
        roost.client() as client,
    ):
        for url, code in REFUSED:
            reply = client.post("/api/sources", json={"kind": "website", "url": url})
            assert (reply.status_code, reply.json()["error"]["code"]) == (422, code), url
            assert reply.json()["error"]["field"] == "url"
        assert client.get("/api/sources").json()["items"] == []
        assert site.requests == []
        created = client.post("/api/sources", json={"kind": "website", "url": site.url})
        assert created.status_code == 201
        again = client.post("/api/sources", json={"kind": "website", "url": site.url + "/#top"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "source_exists")
        wait_for(lambda: only_source(client)["last_success_at"] is not None)
        source = only_source(client)
        assert (source["pages"], source["failed"]) == (2, 1)
        failed = client.get(f"/api/sources/{source['id']}/pages", params={"status": "failed"}).json()["items"]
        assert [page["url"] for page in failed] == [site.url + "/p1"]
        assert "not on the public internet" in failed[0]["reason"]


def test_a_crawl_that_is_killed_is_done_again_and_its_answers_follow_the_site(
    tmp_path: Path, site: DocsSite
) -> None:
    fill(site, 60)
    site.pages["/p40"] = fake.dripping(1)
    roost = RoostProcess(tmp_path, {"ALLOW_PRIVATE_SOURCES": site.allowed}).start()
    with roost, roost.client() as client:
        assert client.post("/api/sources", json={"kind": "website", "url": site.url}).status_code == 201
        wait_for(lambda: site.asked("/p40") > 0)
        roost.kill()
        fill(site, 60)
        asked_before = site.asked("/p5")
        roost.start()
        with roost.client() as client:
            wait_for(lambda: only_source(client)["last_success_at"] is not None)
            source = only_source(client)
            assert (source["pages"], source["failed"], source["reason"]) == (61, 0, None)
            assert site.asked("/p5") == asked_before + 1
            found = client.get("/api/knowledge/search", params={"q": "how heavy is widget 33", "k": 3}).json()
            assert site.url + "/p33#part-33" in [passage["url"] for passage in found["items"]]
            del site.pages["/p33"]
            assert client.post(f"/api/sources/{source['id']}/crawl").status_code == 200
            wait_for(lambda: only_source(client)["pages"] == 60)
            found = client.get(
                "/api/knowledge/search", params={"q": "how heavy is widget 33", "k": 50}
            ).json()
            assert not any("/p33" in passage["url"] for passage in found["items"])
            assert client.delete(f"/api/sources/{source['id']}").status_code == 204
            assert client.get("/api/knowledge").json()["pages"] == 0
        assert "Crawl started: website " + site.url in roost.printed
        assert roost.terminate() == 0


def test_killed_while_it_embeds_the_server_goes_on_where_it_was(tmp_path: Path, site: DocsSite) -> None:
    fill(site, 25)
    for n in range(25):
        words = " ".join(f"gear{n}x{place}" for place in range(60))
        sections = "".join(f"<h2>Part {part}</h2><p>Widget {n}, {part}: {words}</p>" for part in range(8))
        site.pages[f"/p{n}"] = fake.html(f"Page {n}", sections)
    roost = RoostProcess(tmp_path, {"ALLOW_PRIVATE_SOURCES": site.allowed}).start()
    with roost, roost.client() as client:
        client.post("/api/sources", json={"kind": "website", "url": site.url})

        def vectors(client: httpx.Client) -> tuple[int, int]:
            state = client.get("/api/knowledge").json()
            return state["vectors"], state["chunks"]

        def amid(client: httpx.Client) -> bool:
            made, chunks = vectors(client)
            return chunks >= 200 and 25 <= made < chunks

        wait_for(lambda: amid(client), 60)
        made, chunks = vectors(client)
        roost.kill()
        roost.start()
        with roost.client() as client:
            again, _ = vectors(client)
            assert again >= made, "what had its vector keeps it"
            found = client.get("/api/knowledge/search", params={"q": "gear7x3"}).json()["items"]
            assert "/p7" in found[0]["url"], "words answer meanwhile"
            wait_for(lambda: vectors(client)[0] == vectors(client)[1] == chunks, 90)
            wait_for(lambda: only_source(client)["stage"] == "idle", 60)
        assert roost.terminate() == 0
