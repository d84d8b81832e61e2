"""Streams: what they tell, to whom, how many, and how they end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from roost.domain.accounts import Role
from roost.domain.answers import Answer as MadeAnswer
from roost.domain.answers import Question
from roost.errors import LimitReached
from roost.services.live_events import BotChanged, SourceChanged
from roost.web.shared import StreamPlaces
from roost.web.streams import frame
from tests.fakes.installation import TOKEN, Answer, Browser, Installation, installation

Event = tuple[str | None, str, Any]


def events(answer: Answer) -> Iterator[Event]:
    """(id, event, data) as a browser would read them (WHATWG HTML, section 9.2.6)."""
    for part in answer.frames():
        for block in part.decode().split("\n\n"):
            fields: dict[str, list[str]] = {}
            for row in re.split(r"\r\n|\r|\n", block):
                if row and not row.startswith(":"):
                    name, _, value = row.partition(":")
                    fields.setdefault(name, []).append(value.removeprefix(" "))
            if "data" in fields:
                event_id = fields["id"][-1] if "id" in fields else None
                yield event_id, fields["event"][-1], json.loads("\n".join(fields["data"]))


def ask(browser: Browser, house: Installation, text: str = "How?") -> tuple[str, str]:
    thread = browser.post("/api/threads", {}).json["id"]
    accepted = browser.post(f"/api/threads/{thread}/messages", {"id": house.ids.new(), "text": text}).json
    return thread, accepted["run_id"]


def test_a_run_tells_sources_text_and_end(owner: Browser, house: Installation) -> None:
    house.answerer.deltas = ("Ans", "wer")
    _, run = ask(owner, house)
    told = list(events(owner.get(f"/api/runs/{run}/events")))
    assert told[0][1] == "sources"
    assert "".join(data["text"] for _, name, data in told if name == "delta") in ("Answer", "Answer to: How?")
    assert told[-1][1] == "done"
    assert told[-1][2]["message"]["text"] == "Answer to: How?"
    assert told[-1][2]["stopped"] is False
    ids = [int(event_id) for event_id, _, _ in told if event_id is not None]
    assert ids == sorted(set(ids))
    assert len(ids) == len(told)


def test_a_run_goes_on_behind_the_last_event_seen(owner: Browser, house: Installation) -> None:
    _, run = ask(owner, house)
    whole = list(events(owner.get(f"/api/runs/{run}/events")))
    rest = list(events(owner.get(f"/api/runs/{run}/events", headers={"Last-Event-ID": whole[0][0] or ""})))
    assert [name for _, name, _ in rest] == [name for _, name, _ in whole[1:]]


@pytest.mark.parametrize("unknown", ["x", "-1", "99999999999999999999999", "7", "", "\uff11"])
def test_an_unknown_last_event_replays_from_the_start(
    owner: Browser, house: Installation, unknown: str
) -> None:
    _, run = ask(owner, house)
    told = list(events(owner.get(f"/api/runs/{run}/events", headers={"Last-Event-ID": unknown})))
    assert (told[0][1], told[-1][1]) == ("sources", "done")


def test_43_anothers_run_is_not_found(owner: Browser, house: Installation) -> None:
    """Hostile case 43."""
    thread, run = ask(owner, house)
    other = house.sign_in(Role.OWNER)
    for path in (
        f"/api/runs/{run}/events",
        f"/api/threads/{thread}",
        f"/api/threads/{thread}/messages",
        f"/api/threads/{thread}/export",
    ):
        assert other.get(path).status_code == 404
    assert other.post(f"/api/runs/{run}/stop").status_code == 404


def test_61_an_answer_cannot_forge_an_event(owner: Browser, house: Installation) -> None:
    """Hostile case 61."""
    forged = 'Hm\n\nevent: done\ndata: {"forged": true}\n\nid: 5\r\rdata: x\u2028\u0085'

    def make(question: Question) -> MadeAnswer:
        return MadeAnswer(forged, (), (), False, None, None, 0)

    house.answerer.answer_made = make
    house.answerer.deltas = (forged,)
    _, run = ask(owner, house)
    told = list(events(owner.get(f"/api/runs/{run}/events")))
    assert "".join(data["text"] for _, name, data in told if name == "delta") == forged
    assert [name for _, name, _ in told].count("done") == 1
    assert told[-1][2]["message"]["text"] == forged


def test_61_a_frame_of_more_than_one_line_is_a_defect() -> None:
    with pytest.raises(ValueError, match="one line"):
        frame("delta", '{"text": "a"}\ndata: b')


def test_a_stopped_process_tells_the_streams_of_runs(owner: Browser, house: Installation) -> None:
    house.answerer.hold()
    _, run = ask(owner, house)
    told = events(owner.get(f"/api/runs/{run}/events"))
    stopper = threading.Timer(0.1, house.runs.announce_stop)
    stopper.start()
    assert [name for _, name, _ in told][-1] == "restart"
    stopper.join()
    house.answerer.release()


def watch(browser: Browser, **options: Any) -> Iterator[Event]:
    return events(browser.get("/api/events", **options))


def until_end(house: Installation, *streams: Iterator[Event]) -> list[list[Event]]:
    """What each stream told before this moment."""
    house.live_events.publish(SourceChanged("the end", deleted=True))
    return [list(takewhile(lambda event: event[2].get("id") != "the end", stream)) for stream in streams]


def test_live_changes_carry_the_resource(owner: Browser, house: Installation) -> None:
    told = watch(owner)
    bot = owner_bot(house, owner)
    source = (
        house.browser_like(owner)
        .post("/api/sources", {"kind": "website", "url": "https://docs.test/"})
        .json["id"]
    )
    house.logs.add(bot, "somebody", "info", "A line\nof two")
    seen = {name: data for _, name, data in until_end(house, told)[0]}
    assert seen["bot"]["id"] == bot
    assert TOKEN not in json.dumps(seen)
    assert seen["crawl"]["id"] == source
    assert (seen["log"]["bot_id"], seen["log"]["text"]) == (bot, "A line\nof two")


def test_a_stopped_process_tells_the_streams_of_live_events(owner: Browser, house: Installation) -> None:
    told = watch(owner)
    stopper = threading.Timer(0.1, house.live_events.stop)
    stopper.start()
    assert [(event_id, name) for event_id, name, _ in told] == [(None, "restart")]
    stopper.join()


def owner_bot(house: Installation, browser: Browser) -> str:
    made = house.browser_like(browser).post("/api/bots", {"platform": "telegram", "token": TOKEN})
    bot: str = made.json["id"]
    return bot


def test_people_see_their_own_bots_and_owners_all(house: Installation) -> None:
    mine, theirs, boss = house.sign_in(Role.MEMBER), house.sign_in(Role.MEMBER), house.sign_in(Role.OWNER)
    streams = [watch(browser) for browser in (mine, theirs, boss)]
    bot = owner_bot(house, mine)
    house.browser_like(mine).delete(f"/api/bots/{bot}")
    seen = [[(name, data) for _, name, data in stream] for stream in until_end(house, *streams)]
    assert seen == [[("bot", {"id": bot, "deleted": True})], [], [("bot", {"id": bot, "deleted": True})]]


def test_what_was_deleted_is_told_as_deleted(owner: Browser, house: Installation) -> None:
    told = watch(owner)
    house.live_events.publish(BotChanged("gone", "p", deleted=True))
    house.live_events.publish(BotChanged("never-there", "p"))
    house.live_events.publish(SourceChanged("never-there"))
    assert [(name, data) for _, name, data in until_end(house, told)[0]] == [
        ("bot", {"id": "gone", "deleted": True}),
        ("bot", {"id": "never-there", "deleted": True}),
        ("crawl", {"id": "never-there", "deleted": True}),
    ]


def test_whoever_comes_back_after_missing_events_is_told_to_reload(
    owner: Browser, house: Installation
) -> None:
    told = watch(owner)
    house.live_events.publish(BotChanged("x", "p", deleted=True))
    last_id = next(event_id for event_id, name, _ in told if name == "bot")
    assert last_id is not None
    up_to_date = watch(house.browser_like(owner), headers={"Last-Event-ID": last_id})
    house.live_events.publish(BotChanged("y", "p", deleted=True))
    assert next(up_to_date)[1] == "bot"
    for stale in (last_id, "of-another-process"):
        assert next(watch(house.browser_like(owner), headers={"Last-Event-ID": stale}))[1] == "reload"


def test_85_a_person_has_a_bounded_number_of_streams(tmp_path: Path) -> None:
    """Hostile case 85."""
    with installation(tmp_path, {"STREAMS_PER_PERSON": "3"}) as house:
        person = house.add_person(Role.OWNER)
        browser = house.browser(person)
        opened = [house.browser_like(browser).get("/api/events") for _ in range(3)]
        refused = house.browser_like(browser).get("/api/events")
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "too_many_streams")
        assert int(refused.headers["Retry-After"]) >= 1
        somebody = house.sign_in(Role.OWNER).get("/api/events")
        assert somebody.status_code == 200
        opened[0].close()
        again = house.browser_like(browser).get("/api/events")
        assert again.status_code == 200
        for stream in (*opened[1:], again, somebody):
            stream.close()
        assert house.live_events.watchers == 0


def test_85_all_people_together_have_a_bounded_number_of_streams() -> None:
    places = StreamPlaces(per_person=2, in_all=3)
    for person in ("a", "a", "b"):
        places.take(person)
    for person in ("a", "b", "c"):
        with pytest.raises(LimitReached):
            places.take(person)
    places.give_back("a")
    places.take("c")
    assert places.open == 3


def test_asking_for_a_streams_head_opens_none(owner: Browser, house: Installation) -> None:
    assert owner.request("HEAD", "/api/events").status_code == 200
    assert house.live_events.watchers == 0
