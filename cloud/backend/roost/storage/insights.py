"""Counting what was asked, and what became of it. Every query is bounded by whose questions may be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from roost.clock import parse_timestamp, timestamp
from roost.domain.insights import Choice, CitedPage, DayCount, Judged, Sight, Topic
from roost.storage.statements import text

MOMENT_LENGTH = len("2030-01-31T12:00:00.000Z")


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    id: str
    question: str
    bot_id: str | None
    platform: str
    created_at: datetime


def count_days(db: Connection, sight: Sight, choice: Choice) -> list[DayCount]:
    """Days on which nothing was asked are left out."""
    where, values = _chosen(sight, choice)
    rows = db.execute(
        text(
            "SELECT substr(q.asked_at, 1, 10) AS day, sum(q.outcome = 'answered') AS answered,"  # noqa: S608 - our own conditions
            f" sum(q.outcome = 'unanswered') AS unanswered FROM questions q WHERE {where}"
            " AND q.outcome <> 'none' GROUP BY day ORDER BY day"
        ),
        values,
    )
    return [DayCount(row.day, row.answered, row.unanswered) for row in rows]


def count_thumbs(db: Connection, sight: Sight, choice: Choice) -> tuple[int, int]:
    """(up, down) for what was asked in the period."""
    where, values = _chosen(sight, choice)
    row = db.execute(
        text(
            "SELECT coalesce(sum(f.thumb = 'up'), 0) AS up, coalesce(sum(f.thumb = 'down'), 0) AS down"  # noqa: S608 - our own conditions
            " FROM feedback f CROSS JOIN questions q ON q.answer_id = f.message_id"
            f" WHERE f.created_at >= :since AND {where}"
        ),
        values,
    ).one()
    return row.up, row.down


def unanswered_topics(db: Connection, sight: Sight, choice: Choice, limit: int) -> list[Topic]:
    """What the documents did not say, the most wanted first."""
    where, values = _chosen(sight, choice)
    return _topics(db, f"{where} AND q.outcome = 'unanswered'", "true", values, limit)


def asked_topics(db: Connection, sight: Sight, choice: Choice, limit: int) -> list[Topic]:
    """What was asked more than once, the most often first.

    What one person alone asked, in their own conversations here, is nobody else's to read.
    """
    where, values = _chosen(sight, choice)
    several = (
        "count(*) > 1 AND (min(q.asker) <> max(q.asker) OR max(q.owner_id IS NULL OR q.owner_id = :person))"
    )
    return _topics(
        db, f"{where} AND q.outcome <> 'none'", several, {**values, "person": sight.person_id}, limit
    )


def _topics(db: Connection, where: str, having: str, values: Mapping[str, object], limit: int) -> list[Topic]:
    # Counted first, from the index alone; the few that are shown are then looked at. The moment is as long in
    # every row, so that the greatest of both together names the latest wording.
    rows = db.execute(
        text(
            "WITH most AS MATERIALIZED (SELECT q.topic, count(*) AS times"  # noqa: S608 - our own conditions
            f" FROM questions q INDEXED BY questions_by_topic WHERE {where}"
            f" GROUP BY q.topic HAVING {having} ORDER BY times DESC, max(q.asked_at) DESC LIMIT :limit),"
            " found AS (SELECT q.topic, most.times, max(q.asked_at || q.question_id) AS latest,"
            " sum(q.outcome = 'unanswered') AS unanswered, group_concat(DISTINCT q.platform) AS platforms"
            " FROM most CROSS JOIN questions q INDEXED BY questions_by_topic ON q.topic = most.topic"
            f" WHERE {where} GROUP BY q.topic)"
            " SELECT f.times, f.unanswered, f.platforms, substr(f.latest, 1, :moment) AS last_at,"
            " coalesce(m.text, f.topic) AS question FROM found f"
            " LEFT JOIN messages m ON m.id = substr(f.latest, :moment + 1)"
            " ORDER BY f.times DESC, f.latest DESC"
        ),
        {**values, "limit": limit, "moment": MOMENT_LENGTH},
    )
    return [
        Topic(
            row.question,
            row.times,
            parse_timestamp(row.last_at),
            row.unanswered,
            tuple(sorted(row.platforms.split(","))),
        )
        for row in rows
    ]


def thumbs_down(
    db: Connection, sight: Sight, choice: Choice, limit: int, behind: Judged | None = None
) -> list[Judged]:
    """The latest first; those that follow `behind` in this order."""
    where, values = _chosen(sight, choice)
    if behind is not None:
        where += " AND (f.created_at, f.message_id) < (:judged_at, :answer_id)"
        values |= {"judged_at": timestamp(behind.at), "answer_id": behind.answer_id}
    rows = db.execute(
        text(
            "SELECT q.answer_id, coalesce(m.text, q.topic) AS question, a.text AS answer, f.reason,"  # noqa: S608 - our own conditions
            " f.created_at, q.bot_id, q.platform"
            " FROM feedback f CROSS JOIN questions q ON q.answer_id = f.message_id"
            " JOIN messages a ON a.id = q.answer_id LEFT JOIN messages m ON m.id = q.question_id"
            f" WHERE f.created_at >= :since AND f.thumb = 'down' AND {where}"
            " ORDER BY f.created_at DESC, f.message_id DESC LIMIT :limit"
        ),
        {**values, "limit": limit},
    )
    return [
        Judged(
            row.answer_id,
            row.question,
            row.answer,
            row.reason,
            parse_timestamp(row.created_at),
            row.bot_id,
            row.platform,
        )
        for row in rows
    ]


def cited_pages(db: Connection, sight: Sight, choice: Choice, limit: int) -> list[CitedPage]:
    """The most often cited first. A choice of pages leaves the others out."""
    where, values = _chosen(sight, choice)
    among = "" if choice.pages is None else " AND p.page IN (SELECT value FROM json_each(:pages))"
    # The plus keeps the planner from the index of the pages, which is not the way from an answer to its own.
    # Everything, for who may see it, is counted from the index of the pages alone.
    narrow = not sight.everything or choice.bot_id is not None or choice.widget_id is not None
    counted = (
        f"questions q CROSS JOIN question_pages p ON p.answer_id = q.answer_id WHERE +p.cited = 1 AND {where}"
        if narrow
        else "question_pages p INDEXED BY question_pages_by_page"
        " WHERE p.cited = 1 AND p.asked_at >= :since AND p.asked_at < :until"
    )
    rows = db.execute(
        text(
            "WITH most AS MATERIALIZED (SELECT p.page, count(*) AS times"  # noqa: S608 - our own conditions
            f" FROM {counted}{among}"
            " GROUP BY p.page ORDER BY times DESC, p.page LIMIT :limit),"
            " down AS MATERIALIZED (SELECT p.page, count(*) AS thumbs FROM feedback f"
            " CROSS JOIN questions q ON q.answer_id = f.message_id"
            " CROSS JOIN question_pages p ON p.answer_id = q.answer_id AND +p.cited = 1"
            f" WHERE f.thumb = 'down' AND f.created_at >= :since AND {where} GROUP BY p.page)"
            " SELECT most.page, most.times, coalesce(down.thumbs, 0) AS thumbs_down,"
            " (SELECT p.title FROM question_pages p WHERE p.cited = 1 AND p.page = most.page"
            " ORDER BY p.asked_at DESC LIMIT 1) AS title"
            " FROM most LEFT JOIN down ON down.page = most.page ORDER BY most.times DESC, most.page"
        ),
        {**values, "limit": limit},
    )
    return [CitedPage(row.page, row.title, row.times, row.thumbs_down) for row in rows]


def list_unanswered(
    db: Connection, sight: Sight, *, before_id: str | None, limit: int
) -> list[UnansweredQuestion]:
    """Each as it was put, the newest first; ids are ordered by time."""
    where, values = _seen(sight)
    rows = db.execute(
        text(
            "SELECT q.answer_id, coalesce(m.text, q.topic) AS question, q.bot_id, q.platform, q.asked_at"  # noqa: S608 - our own conditions
            " FROM questions q LEFT JOIN messages m ON m.id = q.question_id"
            f" WHERE q.outcome = 'unanswered' AND (:before IS NULL OR q.answer_id < :before) AND {where}"
            " ORDER BY q.answer_id DESC LIMIT :limit"
        ),
        {**values, "before": before_id, "limit": limit},
    )
    return [
        UnansweredQuestion(
            row.answer_id, row.question, row.bot_id, row.platform, parse_timestamp(row.asked_at)
        )
        for row in rows
    ]


def sources_of_pages(knowledge: Connection, pages: Sequence[str]) -> dict[str, str]:
    """Which source holds a page, of those that one holds. `knowledge` is a connection to knowledge.db."""
    rows = knowledge.execute(
        text(
            "SELECT url, max(source_id) AS source_id FROM pages"
            " WHERE url IN (SELECT value FROM json_each(:pages)) GROUP BY url"
        ),
        {"pages": json.dumps(list(pages))},
    )
    return {row.url: row.source_id for row in rows}


def pages_of_source(knowledge: Connection, source_id: str) -> tuple[str, ...]:
    """The addresses of a source's pages. `knowledge` is a connection to knowledge.db."""
    rows = knowledge.execute(
        text("SELECT url FROM pages WHERE source_id = :source_id"), {"source_id": source_id}
    )
    return tuple(rows.scalars())


def _chosen(sight: Sight, choice: Choice) -> tuple[str, dict[str, object]]:
    where, values = _seen(sight)
    conditions = ["q.asked_at >= :since", "q.asked_at < :until", where]
    values |= {"since": timestamp(choice.since), "until": timestamp(choice.until)}
    if choice.bot_id is not None:
        conditions.append("q.bot_id = :bot_id")
        values["bot_id"] = choice.bot_id
    if choice.widget_id is not None:
        conditions.append("q.widget_id = :widget_id")
        values["widget_id"] = choice.widget_id
    if choice.pages is not None:
        conditions.append(
            "EXISTS (SELECT 1 FROM question_pages o WHERE o.answer_id = q.answer_id"
            " AND o.page IN (SELECT value FROM json_each(:pages)))"
        )
        values["pages"] = json.dumps(choice.pages)
    return " AND ".join(conditions), values


def _seen(sight: Sight) -> tuple[str, dict[str, object]]:
    if sight.everything:
        return "true", {}
    condition = (
        "(q.owner_id = :person OR (q.owner_id IS NULL AND (q.bot_id IN (SELECT value FROM json_each(:bots))"
        " OR q.widget_id IN (SELECT value FROM json_each(:widgets)))))"
    )
    return condition, {
        "person": sight.person_id,
        "bots": json.dumps(sight.bot_ids),
        "widgets": json.dumps(sight.widget_ids),
    }
