from __future__ import annotations

from datetime import UTC, datetime

import pytest

from roost.services.bot_logs import LINES_KEPT, BotLogs
from roost.services.live_events import BotLogged

TOKEN = "7000001:AAtestTokenOfBot1xxxxxxxxxxxxxxxxxx"


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0


def test_lines_are_numbered_redacted_and_published() -> None:
    published: list[BotLogged] = []
    logs = BotLogs(FixedClock(), published.append)
    logs.add("b1", "owner", "info", f"url https://api/bot{TOKEN}/getMe")
    logs.add("b1", "owner", "error", "broken")
    logs.add("b2", "owner", "info", "other")
    excerpt = logs.read("b1")
    assert [(line.id, line.level) for line in excerpt.lines] == [(1, "info"), (2, "error")]
    assert TOKEN not in excerpt.lines[0].text
    assert TOKEN not in published[0].text
    assert [event.bot_id for event in published] == ["b1", "b1", "b2"]


def test_reading_on_takes_only_what_is_new_and_severe_enough() -> None:
    logs = BotLogs(FixedClock(), lambda event: None)
    for level in ("debug", "info", "warning", "error"):
        logs.add("b", "o", level, level)
    assert [line.text for line in logs.read("b", after=1, level="warning").lines] == ["warning", "error"]
    assert [line.text for line in logs.read("b", limit=1).lines] == ["error"]
    assert logs.read("unknown").lines == ()


def test_old_lines_are_dropped_and_counted() -> None:
    logs = BotLogs(FixedClock(), lambda event: None)
    for number in range(LINES_KEPT + 7):
        logs.add("b", "o", "info", str(number))
    excerpt = logs.read("b", after=2, limit=LINES_KEPT)
    assert len(excerpt.lines) == LINES_KEPT
    assert excerpt.dropped == 5
    assert logs.read("b", after=LINES_KEPT).dropped == 0


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        BotLogs(FixedClock(), lambda event: None).add("b", "o", "loud", "x")
