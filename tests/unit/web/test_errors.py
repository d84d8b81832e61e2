"""What goes wrong is told in one shape, without a secret and without a traceback."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from roost import errors, log
from roost.web.errors import STATUSES, status_of
from tests.fakes.installation import TOKEN, Browser, Installation


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("INFO", as_json=False, stream=stream)
    yield stream
    root.handlers[:], root.level = before


def test_every_family_of_errors_has_a_status() -> None:
    families = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RoostError)
    ]
    assert len(families) > 15
    assert all(status_of(kind("x")) in set(STATUSES.values()) for kind in families)
    assert status_of(errors.AddressRefused("x")) == 422


def test_49_93_a_defect_shows_neither_traceback_nor_secret(
    owner: Browser, house: Installation, logged: io.StringIO
) -> None:
    """Hostile case 49. Hostile case 93."""

    class Broken:
        def identify(self, token: str) -> object:
            raise RuntimeError(f"https://api.telegram.org/bot{token}/getMe and {token.replace(':', '%3A')}")

    house.platforms["telegram"] = Broken()  # type: ignore[index, assignment]
    answer = owner.post("/api/bots", {"platform": "telegram", "token": TOKEN})
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal")
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text
    assert TOKEN not in answer.text
    error_id = answer.json["error"]["message"].partition("(error ")[2].partition(")")[0]
    printed = logged.getvalue()
    assert error_id
    assert printed.count(error_id) == 1
    assert "RuntimeError" in printed
    assert TOKEN not in printed
    assert TOKEN.partition(":")[2] not in printed


@pytest.mark.parametrize("path", ["/api/nothing", "/auth/nothing", "/webhooks/nowhere", "/manual/nothing"])
def test_an_unknown_address_is_told_in_our_shape(owner: Browser, path: str) -> None:
    answer = owner.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["/api/session", "/api/bots", "/api/nothing", "/auth/link", "/manual/welcome", "/healthz"]
)
def test_every_answer_carries_the_guards(owner: Browser, path: str) -> None:
    headers = owner.get(path).headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Referrer-Policy" in headers
    assert "Server" not in headers


def test_answers_of_the_api_are_kept_by_no_cache(owner: Browser) -> None:
    for path in ("/api/session", "/api/bots", "/api/nothing"):
        assert owner.get(path).headers["Cache-Control"] == "no-store"


def test_a_link_page_uses_nothing_up(house: Installation) -> None:
    code = house.services.sign_in.make_link_code(None)
    stranger = house.browser()
    for _ in range(3):
        page = stranger.get("/auth/link")
        assert "<button" in page.text
        assert "<script>" not in page.text
    assert stranger.get("/auth/link.js").status_code == 200
    assert stranger.get("/auth/page.css").status_code == 200
    assert stranger.post("/auth/link", {"code": code}).json["user"]["role"] == "owner"
    assert house.browser().post("/auth/link", {"code": code}).status_code == 422


def test_the_manual_has_the_anchors_its_passages_are_cited_with(house: Installation) -> None:
    from roost.knowledge.manual_pages import manual_pages

    pages = manual_pages()
    assert len(pages) > 5
    for page in pages:
        shown = house.browser().get(page.url)
        assert shown.status_code == 200
        for section in page.sections:
            if section.anchor and section.level > 1:
                assert f'id="{section.anchor}"' in shown.text, (page.url, section.anchor)


def test_84_signing_in_without_end_is_refused(house: Installation) -> None:
    """Hostile case 84."""
    statuses = [
        house.browser().post("/auth/link", {"code": str(number)}).status_code for number in range(200)
    ]
    assert statuses[:30] == [422] * 30
    assert set(statuses[30:]) == {429}
    refused = house.browser().post("/auth/local")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_figures_are_in_the_text_format(owner: Browser) -> None:
    """Every line of the exposition format 0.0.4, and what operators look for."""
    owner.get("/api/bots")
    owner.get("/api/nothing")
    answer = owner.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = dict(row.rsplit(" ", 1) for row in answer.text.splitlines() if not row.startswith("#"))
    assert samples["roost_ready"] == "1"
    assert samples['roost_http_requests_total{status="2xx"}'] == "1"
    assert samples['roost_http_requests_total{status="4xx"}'] == "1"
    assert samples["roost_ambiguous_sends_total"] == "0"
    assert samples["roost_chunks"] == "4"
    assert samples["roost_disk_full"] == "0"
    kinds = [row.split()[2] for row in answer.text.splitlines() if row.startswith("# TYPE")]
    assert {name.partition("{")[0] for name in samples} <= set(kinds)


def test_a_full_disk_is_told_while_reads_go_on(owner: Browser, house: Installation) -> None:
    house.disk_trouble = "The disk of /data is full. Free some space; Roost goes on by itself."
    found = owner.get("/api/status").json
    assert found["state"] == "ready"
    assert found["database"]["trouble"] == house.disk_trouble
    assert "\nroost_disk_full 1\n" in owner.get("/metrics").text
    assert owner.get("/readyz").status_code == 200
    house.disk_trouble = None
    assert owner.get("/api/status").json["database"]["trouble"] is None


def test_without_a_built_page_the_address_says_so(house: Installation) -> None:
    answer = house.browser().get("/")
    assert answer.status_code == 503
    assert "./scripts/run" in answer.text
