"""What operators learn from what was asked, as JSON and as files."""

from __future__ import annotations

from typing import cast

from flask import Response

from roost.domain import insights as domain
from roost.services.insights import Wanted
from roost.web import payloads_insights as payloads
from roost.web.calls import Call


def get(call: Call, query: payloads.InsightQuery) -> payloads.Insights:
    """What was asked in a period, and what became of it; the last thirty days unless told otherwise."""
    wanted = _wanted(query)
    period = call.services.insights.period(wanted)
    found = call.services.insights.insights(call.person, wanted)
    totals = found.totals
    return payloads.Insights(
        since=period.since,
        until=period.until,
        totals=payloads.InsightTotals(
            asked=totals.answered + totals.unanswered,
            answered=totals.answered,
            unanswered=totals.unanswered,
            thumbs_up=totals.thumbs_up,
            thumbs_down=totals.thumbs_down,
        ),
        days=[
            payloads.InsightDay(day=each.day, answered=each.answered, unanswered=each.unanswered)
            for each in found.days
        ],
        unanswered=[_topic(each) for each in found.unanswered],
        asked=[_topic(each) for each in found.asked],
        judged=[_judged(each) for each in found.judged],
        pages=[
            payloads.CitedPage(
                url=each.page,
                title=each.title,
                times=each.times,
                thumbs_down=each.thumbs_down,
                source_id=each.source_id,
            )
            for each in found.pages
        ],
    )


def export(call: Call, query: payloads.InsightExportQuery) -> Response:
    """One list of the insights as CSV, for spreadsheets: UTF-8, and no cell is taken for a formula."""
    lines = call.services.insights.export(call.person, _wanted(query), domain.InsightList(query.list))
    answer = Response(lines, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="roost-{query.list}.csv"'
    return answer


def _wanted(query: payloads.InsightQuery) -> Wanted:
    return Wanted(query.since, query.until, query.bot_id, query.widget_id, query.source_id)


def _topic(topic: domain.Topic) -> payloads.AskedTopic:
    return payloads.AskedTopic(
        question=topic.question,
        times=topic.times,
        unanswered=topic.unanswered,
        last_at=topic.last_at,
        platforms=[cast(payloads.Place, each) for each in topic.platforms],
    )


def _judged(judged: domain.Judged) -> payloads.JudgedAnswer:
    return payloads.JudgedAnswer(
        id=judged.answer_id,
        question=judged.question,
        answer=judged.answer,
        reason=judged.reason,
        at=judged.at,
        bot_id=judged.bot_id,
        platform=cast(payloads.Place, judged.platform),
    )
