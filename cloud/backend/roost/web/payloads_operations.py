"""Payloads of probes and the status page."""

from __future__ import annotations

from typing import Literal

from roost.domain.documents import CrawlStage
from roost.services.readiness import State
from roost.web.payload import Moment, Payload


class Health(Payload):
    status: Literal["ok", "stuck"]
    reason: str | None = None


class Readiness(Payload):
    state: State
    reason: str | None


class ReplicationConflict(Payload):
    id: str
    database: str
    set_aside_at: Moment


class BackupRequest(Payload):
    adopt: bool = False


class Replication(Payload):
    bucket: str | None
    last_backup_at: Moment | None
    trouble: str | None
    emptied: bool
    conflicts: list[ReplicationConflict]
    lag_s: float | None
    bytes_unshipped: int | None
    last_shipped_at: Moment | None
    epoch: int | None
    seq: int | None
    holder: str | None
    cost_per_month_usd: float | None


class MadeSignInLink(Payload):
    url: str
    expires_at: Moment


class KeyExchange(Payload):
    resealed: int
    unreadable: int
    resumed: bool
    from_environment: bool


class ExportRequest(Payload):
    tokens: bool = False


class Tally(Payload):
    added: int
    known: int


class Imported(Payload):
    bots: Tally
    sources: Tally
    conversations: Tally
    messages: Tally
    tokens_missing: int
    refused: list[str]


class DatabaseTier(Payload):
    name: str
    state: str


class DatabaseStatus(Payload):
    tier: str
    tiers: list[DatabaseTier]
    trouble: str | None


class BotCounts(Payload):
    running: int
    starting: int
    stopped: int
    degraded: int
    crashed: int


class KnowledgeCounts(Payload):
    pages: int
    chunks: int
    vectors: int
    index_version: int
    ready: bool
    stage: CrawlStage
    reason: str | None


class InstallationStatus(Payload):
    version: str
    started_at: Moment
    uptime_s: int
    state: State
    reason: str | None
    replication: Replication
    database: DatabaseStatus
    bots: BotCounts
    knowledge: KnowledgeCounts
    model: str | None
    sqlite_version: str
