"""Server-sent events and refusals, as they come from whatever answers."""

from __future__ import annotations

import httpx
import pytest

from roost.cli.connection import Connection, ServerRefused, read_events


def answering(status: int, body: str, media: str = "application/json") -> Connection:
    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=body, headers={"Content-Type": media})

    return Connection(
        httpx.Client(transport=httpx.MockTransport(reply), base_url="https://roost.test"), served=True
    )


def test_events_are_read_with_their_ids_and_heartbeats_are_not() -> None:
    lines = [
        ": still here",
        "",
        "id: 3",
        "event: delta",
        'data: {"text": "a: b"}',
        "",
        "event: restart",
        "data: {}",
        "",
    ]
    events = list(read_events(iter(lines)))
    assert [(event.name, event.id, event.data) for event in events] == [
        ("delta", "3", {"text": "a: b"}),
        ("restart", None, {}),
    ]


def test_an_event_that_was_cut_off_is_none() -> None:
    assert list(read_events(iter(["event: done", 'data: {"me']))) == []


def test_a_refusal_keeps_roost_s_own_words() -> None:
    body = '{"error": {"code": "bot_exists", "message": "It is there.", "field": "token"}}'
    with pytest.raises(ServerRefused) as refused:
        answering(409, body).get("/api/bots")
    assert (refused.value.code, refused.value.message, refused.value.field) == (
        "bot_exists",
        "It is there.",
        "token",
    )


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", "[]", '{"error": "x"}', ""])
def test_an_answer_that_is_not_roost_s_is_said_to_be_none(body: str) -> None:
    with pytest.raises(ServerRefused, match="not as Roost does"):
        answering(502, body).get("/api/bots")
