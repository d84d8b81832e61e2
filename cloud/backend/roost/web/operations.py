"""How Roost is doing: for probes, for Prometheus, for the status page."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

from flask import Response

from roost import __version__
from roost.web import backups, metrics_text
from roost.web import payloads_operations as payloads
from roost.web.calls import Call

BOTS_A_PAGE = 200


def status(call: Call) -> payloads.InstallationStatus:
    """How Roost is doing."""
    services = call.services
    standing = services.readiness.standing
    index = services.index_state()
    summary = services.ingestion.summary()
    return payloads.InstallationStatus(
        version=__version__,
        started_at=services.started_at,
        uptime_s=int((services.clock.now() - services.started_at).total_seconds()),
        state=standing.state,
        reason=standing.reason,
        replication=backups.shown(services.backups),
        database=payloads.DatabaseStatus(
            tier="sqlite",
            tiers=[payloads.DatabaseTier(name="sqlite", state="primary")],
            trouble=services.disk_trouble(),
        ),
        bots=_bot_counts(call),
        knowledge=payloads.KnowledgeCounts(
            pages=summary.pages,
            chunks=index.chunks,
            vectors=index.vectors,
            index_version=index.index_version,
            ready=index.ready,
            stage=summary.stage,
            reason=index.reason,
        ),
        model=services.settings.openai_model if services.settings.openai_api_key else None,
        sqlite_version=services.sqlite_version,
    )


def description(_call: Call) -> Response:
    """This description."""
    return Response(_description(), content_type="application/json")


def metrics(call: Call) -> Response:
    """Figures for Prometheus; without sign-in to this machine alone, and not on Cloud Run."""
    return Response(metrics_text.render(call), content_type="text/plain; version=0.0.4; charset=utf-8")


def _bot_counts(call: Call) -> payloads.BotCounts:
    """Of the bots this person may see."""
    counts: Counter[str] = Counter()
    cursor: str | None = None
    while True:
        page = call.services.bots.page(call.person, cursor, BOTS_A_PAGE)
        counts.update(view.status.value for view in page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    return payloads.BotCounts(
        running=counts["running"],
        starting=counts["starting"],
        stopped=counts["stopped"],
        degraded=counts["degraded"],
        crashed=counts["crashed"],
    )


@cache
def _description() -> str:
    from roost.web.description import describe
    from roost.web.routes import ROUTES

    return json.dumps(describe(ROUTES), ensure_ascii=False)
