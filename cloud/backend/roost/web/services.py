"""Everything the resources need, constructed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roost.clock import Clock, Ids
from roost.settings import Settings

if TYPE_CHECKING:
    from roost.domain.documents import IndexState
    from roost.services.api_keys import ApiKeys
    from roost.services.audit import Audit
    from roost.services.backups import Backups
    from roost.services.bot_registry import BotRegistry
    from roost.services.chat import Chat
    from roost.services.follow_ups import FollowUps
    from roost.services.ingestion import Ingestion
    from roost.services.insights import WorkspaceInsights
    from roost.services.key_rotation import KeyRotation
    from roost.services.live_events import LiveEvents
    from roost.services.local_key import LocalKey
    from roost.services.people import People
    from roost.services.ports import Retriever
    from roost.services.provider_sign_in import ProviderSignIn
    from roost.services.readiness import Readiness
    from roost.services.sign_in import SignIn
    from roost.services.sources import Sources
    from roost.services.supervisor import Supervisor
    from roost.services.webhooks import Webhooks
    from roost.services.widget_answers import WidgetAnswers
    from roost.services.widgets import Widgets
    from roost.services.workspace_transfer import WorkspaceTransfer
    from roost.storage.database import Database
    from roost.storage.secrets import Cipher


@dataclass(frozen=True, slots=True)
class Services:
    """`provider_sign_in` is None where no provider is set up, `backups` without a bucket.

    `loop_alive` is False once the bots' loop is stuck; `started_at` is the process's start;
    `disk_trouble` says why nothing new can be saved.
    """

    settings: Settings
    clock: Clock
    ids: Ids
    readiness: Readiness
    loop_alive: Callable[[], bool]
    started_at: datetime
    bot_configs: Database
    conversations: Database
    cipher: Cipher
    sign_in: SignIn
    provider_sign_in: ProviderSignIn | None
    people: People
    audit: Audit
    api_keys: ApiKeys
    key_rotation: KeyRotation
    local_key: LocalKey
    transfer: WorkspaceTransfer
    live_events: LiveEvents
    bots: BotRegistry
    supervisor: Supervisor
    webhooks: Webhooks
    chat: Chat
    follow_ups: FollowUps
    insights: WorkspaceInsights
    widgets: Widgets
    widget_answers: WidgetAnswers
    sources: Sources
    ingestion: Ingestion
    retriever: Retriever
    index_state: Callable[[], IndexState]
    ambiguous_sends: Callable[[], int]
    sqlite_version: str
    disk_trouble: Callable[[], str | None]
    backups: Backups | None = None
