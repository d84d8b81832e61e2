"""A widget's addresses, as pages of its site, of other sites, and people without a page use them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import text

from roost.domain.accounts import Role
from roost.domain.answers import Answer as Made
from roost.domain.answers import Citation, Evidence, Question
from roost.domain.images import LIMIT_BYTES
from roost.services.widget_answers import PER_ADDRESS_A_MINUTE, Answered, Asking
from tests.fakes.installation import TOKEN, Answer, Browser, Installation

GIF = b"GIF89a" + b"pixels"
SITE = "https://docs.example.com"
CITED = Made(
    "Use the perch command [1].",
    (Citation(1, "Perches > Set up", "https://docs.test/perch#set-up", "Use it."),),
    (),
    refused=False,
    model=None,
    notice=None,
    tokens_used=0,
    evidence=Evidence(1, "perch", (("c1", 0.9),)),
)


class Visitor:
    """A page of a site, in a browser that has all of this installation's cookies, and sends none along."""

    def __init__(self, house: Installation, key: str, origin: str | None = SITE) -> None:
        self._house = house
        self._key = key
        self._origin = origin
        self.conversation_id = house.ids.new()
        self._client = house.app.test_client()

    def send(self, method: str, what: str, body: object = None, address: str = "203.0.113.7") -> Answer:
        headers = {"Sec-Fetch-Site": "cross-site", **({"Origin": self._origin} if self._origin else {})}
        page = Browser(self._client, headers)
        return page.request(
            method,
            f"/widget/v1/{self._key}/{what}",
            environ_overrides={"REMOTE_ADDR": address},
            **({} if body is None else {"json": body}),
        )

    def ask(self, question: str, question_id: str | None = None, **how: Any) -> Answer:
        body = {
            "id": question_id or self._house.ids.new(),
            "conversation_id": self.conversation_id,
            "question": question,
        }
        return self.send("POST", "ask", body, **how)


def events(answer: Answer) -> list[tuple[str, Any]]:
    assert answer.status_code == 200, answer.text
    found = []
    for block in b"".join(answer.frames()).decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@pytest.fixture
def widget(house: Installation, owner: Browser) -> Any:
    made = owner.post("/api/widgets", {"name": "Docs", "origins": [SITE + "/guide"]})
    assert made.status_code == 201, made.text
    return made.json


def test_a_page_of_the_site_asks_and_is_answered_with_sources(house: Installation, widget: Any) -> None:
    house.answerer.answer_made = lambda question: CITED
    house.answerer.deltas = ("Use the perch ", "command [1].")
    page = Visitor(house, widget["key"])
    look = page.send("GET", "look")
    assert look.json["title"] == "Ask the docs"
    assert look.headers["Access-Control-Allow-Origin"] == SITE
    assert look.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    answer = page.ask("How do I set up a perch?")
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    told = events(answer)
    assert told[0][0] == "sources"
    name, done = told[-1]
    assert (name, done["text"]) == ("done", CITED.text)
    assert done["citations"][0]["url"] == "https://docs.test/perch#set-up"
    judged = page.send(
        "POST",
        "feedback",
        {
            "conversation_id": page.conversation_id,
            "answer_id": done["id"],
            "thumb": "down",
            "reason": "Short",
        },
    )
    assert judged.status_code == 204, judged.text
    assert house.services.insights.list_unanswered(house.services.sign_in.local_owner()).items == ()
    assert house.answerer.questions[0].platform == "widget"


def test_a_conversation_goes_on_and_is_known_by_its_id_alone(house: Installation, widget: Any) -> None:
    page = Visitor(house, widget["key"])
    events(page.ask("How do I set up a perch?"))
    events(page.ask("And a nest?"))
    assert [turn.text for turn in house.answerer.questions[1].context] == [
        "How do I set up a perch?",
        "Answer to: How do I set up a perch?",
    ]
    stranger = Visitor(house, widget["key"])
    events(stranger.ask("And a nest?"))
    assert house.answerer.questions[2].context == ()


def test_the_same_question_under_the_same_id_is_answered_once(house: Installation, widget: Any) -> None:
    page = Visitor(house, widget["key"])
    question_id = house.ids.new()
    first = events(page.ask("How?", question_id))[-1]
    assert events(page.ask("How?", question_id))[-1] == first
    assert len(house.answerer.questions) == 1
    assert page.ask("Why?", question_id).status_code == 409
    assert Visitor(house, widget["key"]).ask("How?", question_id).status_code == 409


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "https://docs.example.com.evil.example",
        "http://docs.example.com",
        "http://localhost:8000",
    ],
)
def test_pages_of_other_sites_are_refused_and_cannot_read_why(
    house: Installation, widget: Any, origin: str | None
) -> None:
    page = Visitor(house, widget["key"], origin)
    for answer in (page.send("GET", "look"), page.ask("How?")):
        assert (answer.status_code, answer.json["error"]["code"]) == (403, "origin_refused")
        assert "Access-Control-Allow-Origin" not in answer.headers
    preflight = page.send("OPTIONS", "ask")
    assert preflight.status_code == 204
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert house.answerer.questions == []


def test_a_preflight_allows_the_site_and_never_credentials(house: Installation, widget: Any) -> None:
    preflight = Visitor(house, widget["key"]).send("OPTIONS", "ask")
    assert preflight.headers["Access-Control-Allow-Origin"] == SITE
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    assert "Origin" in preflight.headers["Vary"]


def test_no_cookie_is_read_or_set(house: Installation, widget: Any, owner: Browser) -> None:
    """A session in the cookie does not help, an ended one does no harm, and nothing is set."""
    cookie = owner.client.get_cookie("roost_session")
    assert cookie is not None
    page = Visitor(house, widget["key"], "https://evil.example")
    page._client.set_cookie("roost_session", cookie.value)
    assert page.send("GET", "look").status_code == 403
    good = Visitor(house, widget["key"])
    for answer in (good.send("GET", "look"), good.ask("How?"), good.send("OPTIONS", "ask")):
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_key_opens_nothing_but_asking(house: Installation, widget: Any) -> None:
    """As an API key, as a session, and on other addresses below the widget's own."""
    key = widget["key"]
    bearer = Browser(house.app.test_client(), {"Authorization": f"Bearer {key}"})
    for path in ("/api/widgets", "/api/threads", "/api/insights", "/api/bots"):
        assert bearer.get(path).status_code == 401
    page = Visitor(house, key)
    for method, what in (
        ("GET", "ask"),
        ("PUT", "look"),
        ("DELETE", "look"),
        ("GET", "threads"),
        ("GET", "../../../api/bots"),
        ("POST", "look"),
    ):
        assert page.send(method, what).status_code in (404, 405), (method, what)


def test_a_revoked_key_is_off_at_once(house: Installation, widget: Any, owner: Browser) -> None:
    page = Visitor(house, widget["key"])
    events(page.ask("How?"))
    assert owner.delete(f"/api/widgets/{widget['id']}").status_code == 204
    for answer in (page.send("GET", "look"), page.ask("How?"), page.send("GET", "widget.js")):
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "widget_off")
    assert Visitor(house, "w_made_up").send("GET", "look").status_code == 404


def test_an_address_asks_so_often_a_minute_and_others_go_on(house: Installation, widget: Any) -> None:
    page = Visitor(house, widget["key"])
    for number in range(PER_ADDRESS_A_MINUTE):
        events(page.ask(f"Question {number}?"))
    refused = page.ask("One more?")
    assert refused.status_code == 429
    assert refused.headers["Access-Control-Allow-Origin"] == SITE
    assert refused.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert int(refused.headers["Retry-After"]) > 0
    events(page.ask("Elsewhere?", address="198.51.100.9"))
    # The same household, whatever the rest of its address.
    for number in range(PER_ADDRESS_A_MINUTE):
        events(page.ask(f"Six {number}?", address=f"2001:db8:1:2::{number + 1}"))
    assert page.ask("Six more?", address="2001:db8:1:2:ffff::1").status_code == 429


def test_an_address_has_so_many_streams_open_and_gives_them_back(house: Installation, widget: Any) -> None:
    page, at_most = Visitor(house, widget["key"]), house.settings.streams_per_person
    opened = []
    for number in range(at_most):
        if number % PER_ADDRESS_A_MINUTE == 0:
            house.clock.step(60)
        opened.append(page.ask("How?"))
    house.clock.step(60)
    refused = [page.ask("How?") for _ in range(PER_ADDRESS_A_MINUTE)]
    house.clock.step(60)
    refused += [page.ask("How?") for _ in range(PER_ADDRESS_A_MINUTE)]
    assert {(each.status_code, each.json["error"]["code"]) for each in refused} == {(429, "too_many_streams")}
    # Nor do those who were refused take a place from others.
    assert events(page.ask("How?", address="203.0.113.8"))[-1][0] == "done"
    for each in opened:
        each.close()
    house.clock.step(60)
    assert events(page.ask("How?"))[-1][0] == "done"


def test_a_bots_narrower_sources_are_never_widened(house: Installation, member: Browser) -> None:
    """Deleting the bot ends its widget; it does not go on with every source."""
    bot = member.post("/api/bots", {"platform": "telegram", "token": TOKEN, "source_ids": ["only"]}).json[
        "id"
    ]
    widget = member.post("/api/widgets", {"name": "Docs", "origins": [SITE], "bot_id": bot}).json
    page = Visitor(house, widget["key"])
    events(page.ask("How?"))
    assert house.answerer.questions[0].settings.source_ids == ("only",)
    assert member.delete(f"/api/bots/{bot}").status_code == 204
    assert page.ask("How?").status_code == 404
    assert member.get("/api/widgets").json["items"] == []


def test_a_bot_of_somebody_else_cannot_be_used(house: Installation, member: Browser) -> None:
    bot = member.post("/api/bots", {"platform": "telegram", "token": TOKEN}).json["id"]
    other = house.sign_in(Role.MEMBER)
    refused = other.post("/api/widgets", {"name": "Docs", "origins": [SITE], "bot_id": bot})
    assert (refused.status_code, refused.json["error"]["field"]) == (404, "bot_id")


def test_a_visitor_cannot_judge_or_read_other_conversations(
    house: Installation, widget: Any, member: Browser
) -> None:
    page, other = Visitor(house, widget["key"]), Visitor(house, widget["key"])
    answer_id = events(page.ask("How?"))[-1][1]["id"]
    thumb = {"conversation_id": other.conversation_id, "answer_id": answer_id, "thumb": "up"}
    assert other.send("POST", "feedback", thumb).status_code == 404
    # A signed-in person's conversation is no visitor's, whoever guesses its id.
    other.conversation_id = member.post("/api/threads", {}).json["id"]
    assert other.ask("How?").status_code == 409
    assert member.get(f"/api/threads/{other.conversation_id}/messages").json["items"] == []


def test_what_a_visitor_read_before_leaving_is_kept_and_the_question_can_be_asked_again(
    house: Installation, widget: Any
) -> None:
    house.answerer.deltas = ("The first part", " and the second")
    house.answerer.pause_s = 0.15
    page, question_id = Visitor(house, widget["key"]), house.ids.new()
    leaving = page.ask("How?", question_id)
    frames = leaving.frames()
    while b"delta" not in next(frames):
        pass
    leaving.close()
    with house.conversations.read() as db:
        stored = db.execute(text("SELECT text, status FROM messages WHERE role = 'assistant'")).one()
    assert tuple(stored) == ("The first part", "stopped")
    assert events(page.ask("How?", question_id))[-1][0] == "done"


def test_a_visitor_whose_answer_does_not_come_yet_hears_that_it_is_on_its_way(
    house: Installation, widget: Any
) -> None:
    house.answerer.hold()
    asking = Asking(house.ids.new(), house.ids.new(), "How?", "203.0.113.7")
    answer = house.services.widget_answers.ask(house.services.widgets.known(widget["key"]), asking)
    events = answer.events(0.01)
    assert (next(events), next(events)) == (None, None)
    house.answerer.release()
    assert isinstance([event for event in events if event is not None][-1], Answered)
    answer.close()


def test_bad_input_gets_a_sentence(house: Installation, widget: Any) -> None:
    page = Visitor(house, widget["key"])
    assert page.ask("x" * 2001).status_code == 422
    assert page.ask("   ").status_code == 422
    assert page.ask("How?", "not-an-id").status_code == 422
    assert page.send("POST", "ask", {"question": "?"}).headers["Access-Control-Allow-Origin"] == SITE
    for path in ("", "x" * 500, "%00", "w_%2e%2e"):
        assert Visitor(house, path or "-").send("GET", "look").status_code == 404


def test_a_failing_answer_is_told_as_an_error(house: Installation, widget: Any) -> None:
    def fails(question: Question) -> Made:
        raise RuntimeError("told to fail")

    house.answerer.answer_made = fails
    page = Visitor(house, widget["key"])
    name, detail = events(page.ask("How?"))[-1]
    assert (name, detail["code"]) == ("error", "internal")


def test_widgets_are_changed_by_their_maker_and_noted(
    house: Installation, member: Browser, owner: Browser
) -> None:
    widget = member.post("/api/widgets", {"name": "Docs", "origins": [SITE]}).json
    assert widget["snippet"] == (
        f'<script src="http://localhost:8000/widget/v1/{widget["key"]}/widget.js" async></script>'
    )
    look = {**widget["look"], "title": "Ask us", "accent": "#AA0000", "starters": ["How do I begin?"]}
    changed = member.patch(f"/api/widgets/{widget['id']}", {"look": look, "origins": ["https://b.example"]})
    assert (changed.json["look"]["accent"], changed.json["origins"]) == ("#aa0000", ["https://b.example"])
    assert Visitor(house, widget["key"]).send("GET", "look").status_code == 403
    assert Visitor(house, widget["key"], "https://b.example").send("GET", "look").json["title"] == "Ask us"
    bad: list[dict[str, Any]] = [
        {"origins": ["*"]},
        {"origins": []},
        {"look": {**look, "accent": "red"}},
        {"name": " "},
    ]
    for wrong in bad:
        assert member.patch(f"/api/widgets/{widget['id']}", wrong).status_code == 422
    # An owner sees and revokes what others made; what it says on their sites is theirs.
    assert owner.get(f"/api/widgets/{widget['id']}").json["name"] == "Docs"
    assert owner.patch(f"/api/widgets/{widget['id']}", {"name": "Mine"}).status_code == 403
    assert member.delete(f"/api/widgets/{widget['id']}").status_code == 204
    actions = [entry["action"] for entry in owner.get("/api/audit").json["items"]]
    assert actions[:3] == ["widget_revoked", "widget_changed", "widget_created"]


def test_a_logo_is_shown_to_pages_of_the_site_and_kept_under_its_name(
    house: Installation, widget: Any, owner: Browser
) -> None:
    place = f"/api/widgets/{widget['id']}/logo"
    assert widget["logo"] is None
    assert owner.get(place).json["error"]["code"] == "no_logo"
    logo = owner.put(place, GIF, "image/gif").json["logo"]
    assert logo == hashlib.sha256(GIF).hexdigest() + ".gif"
    page = Visitor(house, widget["key"])
    assert page.send("GET", "look").json["logo"] == logo
    shown = page.send("GET", f"logo?name={logo}")
    assert (shown.data, shown.headers["Content-Type"]) == (GIF, "image/gif")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Access-Control-Allow-Origin"] == SITE
    assert "Origin" in shown.headers["Vary"]
    assert "immutable" in shown.headers["Cache-Control"]
    for other in ("logo", "logo?name=" + "0" * 64 + ".gif"):
        assert "immutable" not in page.send("GET", other).headers["Cache-Control"]
    known = owner.get(place, headers={"If-None-Match": shown.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")
    for stranger in (None, "https://evil.example"):
        refused = Visitor(house, widget["key"], stranger).send("GET", "logo")
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "origin_refused")
    assert owner.delete(place).status_code == 204
    assert page.send("GET", "logo").status_code == 404
    assert page.send("GET", "look").json["logo"] is None
    entries = owner.get("/api/audit").json["items"][:2]
    assert [(each["action"], each["detail"]) for each in entries] == [
        ("widget_changed", "logo removed"),
        ("widget_changed", "logo"),
    ]


@pytest.mark.parametrize(
    ("body", "media_type", "status", "sentence"),
    [
        (b"<svg onload=alert(1)>", "image/svg+xml", 415, "not a PNG"),
        (b"<svg onload=alert(1)>", "image/png", 422, "not a PNG"),
        (b"", "image/png", 422, "not a PNG"),
        (b"{}", "application/json", 415, "not a PNG"),
        (b"GIF89a" + b"x" * LIMIT_BYTES, "image/gif", 413, "Make it smaller"),
        (b"GIF89a" + b"x" * 2 * 1024 * 1024, "image/gif", 413, "larger than 1 MiB"),
    ],
)
def test_what_is_no_picture_is_refused_and_the_logo_stays(
    house: Installation,
    widget: Any,
    owner: Browser,
    body: bytes,
    media_type: str,
    status: int,
    sentence: str,
) -> None:
    place = f"/api/widgets/{widget['id']}/logo"
    assert owner.put(place, GIF, "image/gif").status_code == 200
    refused = owner.put(place, body, media_type)
    assert refused.status_code == status, refused.text
    assert sentence in refused.json["error"]["message"]
    assert owner.get(place).data == GIF
    assert len(list((house.folder / "images").iterdir())) == 1


def test_a_logo_that_is_sent_again_under_its_key_is_noted_once(
    house: Installation, widget: Any, owner: Browser
) -> None:
    place, headers = f"/api/widgets/{widget['id']}/logo", {"Idempotency-Key": "once"}
    first = owner.put(place, GIF, "image/gif", headers=headers)
    again = owner.put(place, GIF, "image/gif", headers=headers)
    assert again.json == first.json
    assert again.headers["Idempotency-Replayed"] == "true"
    other = owner.put(place, GIF + b"more", "image/gif", headers=headers)
    assert other.json["error"]["code"] == "idempotency_mismatch"


def test_whoever_did_not_make_a_widget_leaves_no_picture_behind(house: Installation, widget: Any) -> None:
    refused = house.sign_in(Role.MEMBER).put(f"/api/widgets/{widget['id']}/logo", GIF, "image/gif")
    assert refused.status_code == 404
    assert not (house.folder / "images").exists()


def test_a_removed_persons_widgets_pass_to_the_owner(house: Installation) -> None:
    person = house.add_person(Role.MEMBER)
    widget = house.browser(person).post("/api/widgets", {"name": "Docs", "origins": [SITE]}).json
    chief = house.services.sign_in.local_owner()
    house.people.remove(chief, person.id)
    assert house.services.widgets.get(chief, widget["id"]).owner_id == chief.id
    events(Visitor(house, widget["key"]).ask("How?"))
