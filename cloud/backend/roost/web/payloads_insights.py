"""Payloads of what operators learn from what was asked."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from roost.web.payload import Moment, Payload, Reference

Place = Literal["web", "telegram", "discord", "widget"]


class InsightQuery(Payload):
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    bot_id: Reference | None = None
    widget_id: Reference | None = None
    source_id: Reference | None = None


class InsightExportQuery(InsightQuery):
    list: Literal["unanswered", "asked", "judged", "pages"]


class InsightTotals(Payload):
    asked: int
    answered: int
    unanswered: int
    thumbs_up: int
    thumbs_down: int


class InsightDay(Payload):
    day: str
    answered: int
    unanswered: int


class AskedTopic(Payload):
    """The same question in whatever words; `question` is how it was put last."""

    question: str
    times: int
    unanswered: int
    last_at: Moment
    platforms: list[Place]


class JudgedAnswer(Payload):
    id: str
    question: str
    answer: str
    reason: str | None
    at: Moment
    bot_id: str | None
    platform: Place


class CitedPage(Payload):
    url: str
    title: str
    times: int
    thumbs_down: int
    source_id: str | None


class Insights(Payload):
    since: Moment
    until: Moment
    totals: InsightTotals
    days: list[InsightDay]
    unanswered: list[AskedTopic]
    asked: list[AskedTopic]
    judged: list[JudgedAnswer]
    pages: list[CitedPage]
