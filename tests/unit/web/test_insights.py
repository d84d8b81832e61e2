from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from roost.domain.accounts import Role
from roost.domain.answers import Citation, Evidence
from roost.services.insights import READ_AT_ONCE
from tests.fakes.fixed_answerer import plain_answer
from tests.fakes.installation import TOKEN, Browser, Installation


def refuse_cages(house: Installation) -> None:
    """The documents say something of everything but cages."""

    def answer(question):  # type: ignore[no-untyped-def]
        made = replace(plain_answer(question), evidence=Evidence(1, question.text, ()))
        if "cage" in question.text:
            return replace(made, refused=True)
        return replace(made, citations=(Citation(1, "Page a", "https://docs.test/a#x", "Something."),))

    house.answerer.answer_made = answer


def test_an_operator_learns_from_a_day(house: Installation, owner: Browser) -> None:
    refuse_cages(house)
    source = owner.post("/api/sources", {"kind": "website", "url": "https://docs.test/"}).json["id"]
    house.ingestion.crawl(source)
    for question in ("How do I begin?", "how to begin", "Do you sell cages?", "hello"):
        owner.post("/api/ask", {"question": question})
    learned = owner.get("/api/insights").json
    assert learned["totals"] == {
        "asked": 3,
        "answered": 2,
        "unanswered": 1,
        "thumbs_up": 0,
        "thumbs_down": 0,
    }
    assert [(each["question"], each["times"]) for each in learned["asked"]] == [("how to begin", 2)]
    assert [each["question"] for each in learned["unanswered"]] == ["Do you sell cages?"]
    assert [(each["url"], each["source_id"], each["times"]) for each in learned["pages"]] == [
        ("https://docs.test/a", source, 3)
    ]
    about = owner.get(f"/api/insights?source_id={source}").json
    assert (about["totals"]["answered"], about["totals"]["unanswered"]) == (2, 0)
    assert owner.get("/api/insights?since=2000-01-01T00:00:00Z&until=2000-02-01T00:00:00Z").json["days"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2030-01-02T00:00:00Z&until=2030-01-01T00:00:00Z", "until"),
        ("since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z", "since"),
        ("since=yesterday", "since"),
        ("since=2030-01-01", "since"),
        ("bot_id=none", "bot_id"),
        ("widget_id=none", "widget_id"),
        ("source_id=none", None),
    ],
)
def test_a_period_or_place_that_is_none_is_refused(owner: Browser, query: str, field: str | None) -> None:
    for path in ("/api/insights?", "/api/insights/export?list=asked&"):
        refused = owner.get(path + query)
        assert refused.status_code in (404, 422), refused.text
        assert refused.json["error"].get("field") == field


def test_of_somebody_elses_bot_or_widget_nothing_is_learned(house: Installation, member: Browser) -> None:
    refuse_cages(house)
    bot = member.post("/api/bots", {"platform": "telegram", "token": TOKEN}).json["id"]
    widget = member.post("/api/widgets", {"name": "W", "origins": ["https://a.test"]}).json["id"]
    member.post("/api/ask", {"question": "Do you sell cages?", "bot_id": bot})
    other, chief = house.sign_in(Role.MEMBER), house.sign_in(Role.OWNER)
    for what in (f"bot_id={bot}", f"widget_id={widget}"):
        assert other.get(f"/api/insights?{what}").status_code == 404
        assert other.get(f"/api/insights/export?list=judged&{what}").status_code == 404
        assert chief.get(f"/api/insights?{what}").status_code == 200
    assert other.get("/api/insights").json["unanswered"] == []
    assert other.get("/api/questions/unanswered").json["items"] == []
    assert "cages" not in other.get("/api/insights/export?list=unanswered").text
    assert [each["question"] for each in chief.get("/api/insights").json["unanswered"]] == [
        "Do you sell cages?"
    ]


def test_79_an_export_opens_in_a_spreadsheet_without_formulas(house: Installation, owner: Browser) -> None:
    """Hostile case 79: CSV cell =cmd -> neutralised."""
    house.answerer.answer_made = lambda question: replace(
        plain_answer(question), text="Intro:\n- first\n  - second"
    )
    hostile = '=cmd|"/C calc"!A0 cages, "quoted", 日本語'
    asked = owner.post("/api/ask", {"question": hostile}).json
    answer = owner.get(f"/api/threads/{asked['thread_id']}/messages").json["items"][1]["id"]
    owner.post(f"/api/messages/{answer}/feedback", {"thumb": "down", "reason": "\t=1+1"})
    file = owner.get("/api/insights/export?list=judged")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.headers["Content-Disposition"] == 'attachment; filename="roost-judged.csv"'
    assert file.data.startswith(b"\xef\xbb\xbf")
    [header, row] = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"), newline="")))
    assert header[:3] == ["at", "question", "reason"]
    assert row[1:3] == ["'" + hostile, "'\t=1+1"]
    assert row[3] == "Intro:\n• first\n  • second"
    for each in ("unanswered", "asked", "pages"):
        assert owner.get(f"/api/insights/export?list={each}").status_code == 200
    assert owner.get("/api/insights/export?list=everything").status_code == 422


def test_an_export_holds_more_than_is_read_at_once(house: Installation, owner: Browser) -> None:
    count = READ_AT_ONCE + 1
    for number in range(count):
        asked = owner.post("/api/ask", {"question": f"Why is it {number}?"}).json
        answer = owner.get(f"/api/threads/{asked['thread_id']}/messages").json["items"][1]["id"]
        owner.post(f"/api/messages/{answer}/feedback", {"thumb": "down"})
    file = owner.get("/api/insights/export?list=judged")
    rows = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"), newline="")))[1:]
    assert [row[1] for row in rows] == [f"Why is it {number}?" for number in reversed(range(count))]
