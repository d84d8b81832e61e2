"""What Roost knows, and what a question would find in it."""

from __future__ import annotations

from typing import Literal, cast

from roost.services.insights import UnansweredQuestion
from roost.web import payloads_knowledge as payloads
from roost.web.calls import Call
from roost.web.payload import ListQuery
from roost.web.sources import shown_source


def get(call: Call) -> payloads.Knowledge:
    """How much Roost knows, and how far the index is."""
    summary = call.services.ingestion.summary()
    index = call.services.index_state()
    return payloads.Knowledge(
        pages=summary.pages,
        chunks=index.chunks,
        vectors=index.vectors,
        index_version=index.index_version,
        ready=index.ready,
        stage=summary.stage,
        reason=index.reason,
        sources=[shown_source(state) for state in summary.sources],
    )


def search(call: Call, query: payloads.SearchQuery) -> payloads.PassageList:
    """What a question would retrieve."""
    found = call.services.retriever.retrieve(query.q, limit=query.k)
    items = [
        payloads.FoundPassage(
            title=each.title, url=each.url, heading=each.heading, text=each.text, score=each.score
        )
        for each in found.passages
    ]
    return payloads.PassageList(items=items, next_cursor=None)


def unanswered(call: Call, query: ListQuery) -> payloads.UnansweredList:
    """Questions the documents could not answer, the latest first."""
    found = call.services.insights.list_unanswered(call.person, cursor=query.cursor, limit=query.limit)
    return payloads.UnansweredList(
        items=[_shown(each) for each in found.items], next_cursor=found.next_cursor
    )


def _shown(question: UnansweredQuestion) -> payloads.UnansweredQuestion:
    return payloads.UnansweredQuestion(
        id=question.id,
        question=question.question,
        bot_id=question.bot_id,
        platform=cast(Literal["web", "telegram", "discord", "widget"], question.platform),
        created_at=question.created_at,
    )
