"""What the application answers is what docs/openapi.yaml describes: a day in its life, answer by answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from roost.domain.accounts import Role
from roost.web.routes import ROUTES
from tests.fakes.installation import TOKEN, Answer, Browser, Installation, installation

REPOSITORY = Path(__file__).parents[2]
DESCRIPTION: dict[str, Any] = yaml.safe_load((REPOSITORY / "docs" / "openapi.yaml").read_text("utf-8"))

Tell = Callable[..., Answer]


class Day:
    """Sends requests and holds each answer against the description. `seen` are the operations used."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.seen: set[str] = set()

    def __call__(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        sent: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, bytes):
            sent = {"data": body, "content_type": "image/png"}
        answer = self._browser.request(method, path, **sent)
        assert answer.status_code == status, (method, path, answer.text)
        operation = operation_at(method, path.partition("?")[0])
        self.seen.add(operation["operationId"])
        check(operation, answer, path)
        return (
            answer.json
            if answer.headers.get("Content-Type", "").startswith("application/json")
            else answer.data
            if answer.headers.get("Content-Type", "").startswith("image/")
            else answer.text
        )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def test_every_answer_of_a_day_is_as_described(house: Installation) -> None:
    day = Day(house.browser())
    day("GET", "/api/session")
    day("GET", "/auth/link")
    day("POST", "/auth/link", {"code": house.services.sign_in.make_link_code(None)})
    day("POST", "/auth/logout")
    day("POST", "/auth/local")
    day("GET", "/api/session")
    day("GET", "/healthz")
    day("GET", "/readyz")
    day("GET", "/metrics")
    day("GET", "/manual/welcome")
    day("GET", "/api/openapi.json")

    for way in ("/auth/google", "/auth/callback"):
        day("GET", way, status=404)
    house.services.sign_in.begin_session(house.services.sign_in.local_owner(), "another browser")
    sessions = day("GET", "/api/account/sessions")["items"]
    other = next(each["id"] for each in sessions if not each["current"])
    day("DELETE", f"/api/account/sessions/{other}", status=204)
    invitation = day("POST", "/api/invitations", {"email": "new@example.org"}, 201)["id"]
    day("GET", "/api/invitations?limit=1")
    day("DELETE", f"/api/invitations/{invitation}", status=204)
    guest = house.add_person(Role.GUEST).id
    day("GET", "/api/people")
    day("PATCH", f"/api/people/{guest}", {"role": "member"}, 204)
    local = house.services.sign_in.local_owner()
    house.services.sign_in.begin_session(local, "a third browser")
    open_there = day("GET", f"/api/people/{local.id}/sessions")["items"]
    third = next(each["id"] for each in open_there if each["user_agent"] == "a third browser")
    day("DELETE", f"/api/people/{local.id}/sessions/{third}", status=204)
    day("DELETE", f"/api/people/{guest}", status=204)
    day("GET", "/api/audit")

    key = day("POST", "/api/keys", {"name": "script"}, 201)
    day("GET", "/api/keys?limit=1")
    day("DELETE", f"/api/keys/{key['id']}", status=204)

    new_bot = {
        "platform": "telegram",
        "token": TOKEN,
        "name": "Helper",
        "model": "small",
        "base_url": "https://models.test/v1",
        "api_key": "sk-made-up-for-tests",
        "source_ids": ["a"],
        "allowed_chats": ["1"],
    }
    bot = day("POST", "/api/bots", new_bot, 201)["id"]
    day("GET", "/api/bots")
    day("PATCH", f"/api/bots/{bot}", {"name": "Other", "model": None, "source_ids": None})
    house.logs.add(bot, "p", "warning", "Something happened")
    assert day("GET", f"/api/bots/{bot}/logs?level=info&limit=5")["items"][0]["text"] == "Something happened"
    for action in ("start", "restart", "stop"):
        day("POST", f"/api/bots/{bot}/{action}")
    assert day("GET", f"/api/bots/{bot}")["name"] == "Other"

    thread = day("POST", "/api/threads", {"bot_id": bot}, 201)["id"]
    day("POST", "/api/threads", {"id": thread, "bot_id": bot}, 200)
    message = {"id": house.ids.new(), "text": "How do I start?"}
    accepted = day("POST", f"/api/threads/{thread}/messages", message, 201)
    day("GET", f"/api/runs/{accepted['run_id']}/events")
    day("POST", f"/api/threads/{thread}/messages", message, 200)
    messages = day("GET", f"/api/threads/{thread}/messages")["items"]
    assert [each["role"] for each in messages] == ["user", "assistant"]
    answer = messages[1]["id"]
    day("POST", f"/api/messages/{answer}/feedback", {"thumb": "down", "reason": "Too short"})
    assert day("GET", f"/api/threads/{thread}/messages")["items"][1]["feedback"] == "down"
    learned = day("GET", f"/api/insights?bot_id={bot}")
    assert (learned["totals"]["thumbs_down"], learned["judged"][0]["reason"]) == (1, "Too short")
    assert "Too short" in day("GET", "/api/insights/export?list=judged")
    assert day("GET", f"/api/messages/{answer}/follow-ups")["items"] == []
    day("POST", f"/api/runs/{accepted['run_id']}/stop", status=204)
    day("PATCH", f"/api/threads/{thread}", {"title": "Buttons"})
    day("GET", f"/api/threads/{thread}")
    assert day("GET", "/api/threads?q=start")["items"][0]["snippet"] == "How do I start?"
    assert len(day("GET", f"/api/threads/{thread}/export?format=json")["messages"]) == 2
    assert "# Buttons" in day("GET", f"/api/threads/{thread}/export")
    day("POST", "/api/ask", {"question": "And how do I stop?", "thread_id": thread})
    day("DELETE", f"/api/threads/{thread}", status=204)
    day("GET", "/api/prompts")

    source = day("POST", "/api/sources", {"kind": "website", "url": "https://docs.test/"}, 201)["id"]
    house.ingestion.crawl(source)
    assert day("GET", "/api/sources")["items"][0]["pages"] == 2
    day("PATCH", f"/api/sources/{source}", {"paused": True})
    day("POST", f"/api/sources/{source}/crawl")
    day("POST", f"/api/sources/{source}/cancel")
    assert [each["paused"] for each in day("PATCH", "/api/sources", {"paused": False})["items"]] == [False]
    day("POST", "/api/sources/crawl")
    day("POST", "/api/sources/cancel")
    first = day("GET", f"/api/sources/{source}/pages?limit=1")
    second = day("GET", f"/api/sources/{source}/pages?limit=1&cursor={first['next_cursor']}")
    assert [first["items"][0]["url"], second["items"][0]["url"]] == [
        "https://docs.test/a",
        "https://docs.test/b",
    ]
    assert second["next_cursor"] is None
    day("GET", "/api/knowledge")
    assert len(day("GET", "/api/knowledge/search?q=stop&k=2")["items"]) == 2
    day("GET", "/api/questions/unanswered")
    site = "https://docs.example.com"
    widget = day("POST", "/api/widgets", {"name": "Docs", "origins": [site]}, 201)
    day("GET", "/api/widgets?limit=1")
    day("GET", f"/api/widgets/{widget['id']}")
    day("PATCH", f"/api/widgets/{widget['id']}", {"look": {**widget["look"], "title": "Ask us"}})
    page = Day(Browser(house.app.test_client(), {"Origin": site, "Sec-Fetch-Site": "cross-site"}))
    public = f"/widget/v1/{widget['key']}"
    assert "attachShadow" in page("GET", f"{public}/widget.js")
    picture = b"\x89PNG\r\n\x1a\n" + b"pixels"
    logo = day("PUT", f"/api/widgets/{widget['id']}/logo", picture)["logo"]
    assert day("GET", f"/api/widgets/{widget['id']}/logo?name={logo}") == picture
    look = page("GET", f"{public}/look")
    assert (look["title"], look["logo"]) == ("Ask us", logo)
    assert page("GET", f"{public}/logo?name={logo}") == picture
    day("DELETE", f"/api/widgets/{widget['id']}/logo", status=204)
    page("GET", f"{public}/logo", status=404)
    visit = {"id": house.ids.new(), "conversation_id": house.ids.new(), "question": "How do I begin?"}
    told = page("POST", f"{public}/ask", visit)
    answer_id = re.findall(r'"id":"([^"]+)"', told)[-1]
    thumb = {"conversation_id": visit["conversation_id"], "answer_id": answer_id, "thumb": "up"}
    page("POST", f"{public}/feedback", thumb, 204)
    day.seen |= page.seen
    day("DELETE", f"/api/widgets/{widget['id']}", status=204)
    for platform in ("telegram", "discord"):
        day("POST", f"/webhooks/{platform}/{bot}", {"update_id": 1}, 401)
    day("GET", "/api/status")
    day("DELETE", f"/api/sources/{source}", status=204)
    day("DELETE", f"/api/bots/{bot}", status=204)

    day("POST", "/api/sign-in-links", status=201)
    day("POST", "/api/secret-key/rotate")
    day("POST", "/api/backup")
    day("POST", "/api/backup", {"adopt": True})
    day("POST", "/api/backup/conflicts/nothing/dismiss")

    # Tested where their bodies are: a stream, and archives.
    elsewhere = {"streamEvents", "exportWorkspace", "importWorkspace"}
    assert {route.name for route in ROUTES} - day.seen == elsewhere


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/bots/nobody", None, 404),
        ("POST", "/api/bots", {"platform": "telegram", "token": TOKEN + "x"}, 422),
        ("POST", "/api/bots", {"platform": "discord", "token": TOKEN}, 422),
        ("POST", "/api/sources", {"kind": "website", "url": "http://private.test/"}, 422),
        ("POST", "/api/sources", {"kind": "website"}, 422),
        ("POST", "/api/sources", {"kind": "manual", "url": "https://docs.test/"}, 422),
        (
            "POST",
            "/api/threads/nobody/messages",
            {"id": "0193e4a1-0000-7000-8000-000000000000", "text": "?"},
            404,
        ),
        ("GET", "/api/runs/nobody/events", None, 404),
        ("POST", "/api/messages/nobody/feedback", {"thumb": "up"}, 404),
        ("GET", "/api/messages/nobody/follow-ups", None, 404),
        ("POST", "/auth/link", {"code": "made up"}, 422),
        ("GET", "/manual/nothing", None, 404),
    ],
)
def test_refusals_are_as_described(
    house: Installation, method: str, path: str, body: object, status: int
) -> None:
    browser = house.browser()
    browser.post("/auth/local")
    error = Day(browser)(method, path, body, status)["error"]
    assert error["message"].endswith((".", "?"))


def test_the_same_bot_twice_is_a_conflict_that_names_nobody(house: Installation) -> None:
    first, second = house.sign_in(), house.sign_in()
    assert first.post("/api/bots", {"platform": "telegram", "token": TOKEN}).status_code == 201
    refused = second.post("/api/bots", {"platform": "telegram", "token": TOKEN})
    check(operation_at("POST", "/api/bots"), refused, "/api/bots")
    assert refused.status_code == 409


def operation_at(method: str, path: str) -> dict[str, Any]:
    for template, item in DESCRIPTION["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in item:
            found: dict[str, Any] = item[method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


def check(operation: dict[str, Any], answer: Answer, path: str) -> None:
    described = operation["responses"].get(str(answer.status_code))
    assert described is not None, (path, answer.status_code, answer.text)
    if "$ref" in described:
        described = DESCRIPTION["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    if "content" not in described:
        assert answer.data == b""
        return
    media = answer.headers["Content-Type"].partition(";")[0]
    schema = described["content"][media]["schema"]
    if media == "application/json":
        document = {**schema, "components": DESCRIPTION["components"]}
        problems = [
            error.message for error in Draft202012Validator(document).iter_errors(json.loads(answer.data))
        ]
        assert problems == [], (path, answer.text)
