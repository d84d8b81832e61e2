"""How much a widget's visitors may ask, and what is kept of what they asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from roost.domain.accounts import Role
from roost.domain.answers import Citation
from roost.domain.widgets import Widget
from roost.errors import LimitReached, NotFound, Unavailable
from roost.services.widget_answers import (
    PER_ADDRESS_A_MINUTE,
    PER_ADDRESS_AN_HOUR,
    PER_WIDGET_A_MINUTE,
    THUMBS_PER_ADDRESS_A_MINUTE,
    Answered,
    Asking,
    VisitorAnswer,
)
from tests.fakes.fixed_answerer import plain_answer
from tests.fakes.installation import Installation, installation

HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


@pytest.fixture
def widget(house: Installation) -> Widget:
    return make(house)


def make(house: Installation) -> Widget:
    new = {"name": "Docs", "origins": ["https://docs.example.com"]}
    key: str = house.sign_in(Role.OWNER).post("/api/widgets", new).json["key"]
    return house.services.widgets.known(key)


def begin(house: Installation, widget: Widget, address: str = HERE) -> VisitorAnswer:
    asking = Asking(house.ids.new(), house.ids.new(), "How do I begin?", address)
    return house.services.widget_answers.ask(widget, asking)


def test_an_address_asks_a_hundred_times_an_hour_and_leaves_its_place_each_time(
    house: Installation, widget: Widget
) -> None:
    for number in range(PER_ADDRESS_AN_HOUR):
        if number % PER_ADDRESS_A_MINUTE == 0:
            house.clock.step(60)
        begin(house, widget).close()
    house.clock.step(60)
    with pytest.raises(LimitReached) as caught:
        begin(house, widget)
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 60
    begin(house, widget, ELSEWHERE).close()
    house.clock.step(3600)
    begin(house, widget).close()


def test_a_widget_is_asked_so_often_a_minute_by_everybody_together(
    house: Installation, widget: Widget
) -> None:
    for number in range(PER_WIDGET_A_MINUTE):
        begin(house, widget, f"203.0.113.{number // PER_ADDRESS_A_MINUTE}").close()
    with pytest.raises(LimitReached):
        begin(house, widget, "198.51.100.1")
    begin(house, make(house), "198.51.100.1").close()


def test_an_address_judges_so_often_a_minute(house: Installation, widget: Widget) -> None:
    def judge(address: str) -> None:
        ids = house.ids
        house.services.widget_answers.judge(widget, address, ids.new(), ids.new(), "down", None)

    for _ in range(THUMBS_PER_ADDRESS_A_MINUTE):
        with pytest.raises(NotFound):
            judge(HERE)
    with pytest.raises(LimitReached):
        judge(HERE)
    with pytest.raises(NotFound):
        judge(ELSEWHERE)


def test_a_visitor_is_told_apart_from_others_and_the_address_is_nowhere(
    house: Installation, widget: Widget
) -> None:
    for address in (HERE, HERE, ELSEWHERE):
        answer = begin(house, widget, address)
        assert isinstance(list(answer.events(20))[-1], Answered)
        answer.close()
    people = [question.person for question in house.answerer.questions]
    assert people[0] == people[1] != people[2]
    assert not any(HERE in person or ELSEWHERE in person for person in people)
    assert HERE.encode() not in b"".join(
        file.read_bytes() for file in house.conversations.path.parent.glob("conversations.db*")
    )


def test_what_roost_cuts_off_when_it_stops_is_asked_again_and_not_kept(
    house: Installation, widget: Widget
) -> None:
    house.answerer.answer_made = lambda question: replace(plain_answer(question), stopped=True)
    house.answerer.hold()
    answer = begin(house, widget)
    events = answer.events(0.01)
    assert next(events) is None
    house.services.widget_answers.stop()
    with pytest.raises(Unavailable, match="restarts"):
        list(events)
    answer.close()
    assert kept(house) == []
    with pytest.raises(Unavailable, match="restarts"):
        begin(house, widget)


def test_what_a_visitor_read_before_leaving_cites_what_it_names(house: Installation, widget: Widget) -> None:
    two = tuple(Citation(n, f"Page {n}", f"https://docs.test/{n}", "Words.") for n in (1, 2))
    house.answerer.answer_made = lambda question: replace(plain_answer(question), citations=two)
    house.answerer.deltas = ("See the second [2].", "Never read.")
    house.answerer.pause_s = 0.1
    answer = begin(house, widget)
    events = answer.events(20)
    next(events), next(events)
    answer.close()
    [(said, citations)] = kept(house)
    assert said == "See the second [2]."
    assert ("docs.test/2" in citations, "docs.test/1" in citations) == (True, False)


def kept(house: Installation) -> list[tuple[str, str]]:
    with house.conversations.read() as db:
        rows = db.execute(text("SELECT text, citations FROM messages WHERE role = 'assistant'"))
        return [(row.text, row.citations) for row in rows]
