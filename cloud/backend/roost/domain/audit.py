"""What is written down about who did what: for owners to read later. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    PERSON_INVITED = "person_invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    ROLE_CHANGED = "role_changed"
    PERSON_REMOVED = "person_removed"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    BOT_CREATED = "bot_created"
    BOT_CHANGED = "bot_changed"
    BOT_TOKEN_CHANGED = "bot_token_changed"  # noqa: S105 - the name of an action
    BOT_STARTED = "bot_started"
    BOT_STOPPED = "bot_stopped"
    BOT_RESTARTED = "bot_restarted"
    BOT_DELETED = "bot_deleted"
    SOURCE_ADDED = "source_added"
    SOURCE_CHANGED = "source_changed"
    SOURCE_DELETED = "source_deleted"
    WIDGET_CREATED = "widget_created"
    WIDGET_CHANGED = "widget_changed"
    WIDGET_REVOKED = "widget_revoked"
    DECRYPTION_REFUSED = "decryption_refused"
    SIGN_IN_LINK_MADE = "sign_in_link_made"
    SECRET_KEY_EXCHANGED = "secret_key_exchanged"  # noqa: S105 - the name of an action
    WORKSPACE_EXPORTED = "workspace_exported"
    WORKSPACE_IMPORTED = "workspace_imported"
    BACKED_UP = "backed_up"
    BUCKET_ADOPTED = "bucket_adopted"
    CONFLICT_DISMISSED = "conflict_dismissed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`actor` did `action` to `subject`, by their names of then. No actor: Roost, or a stranger."""

    id: str
    at: datetime
    action: Action
    actor_id: str | None
    actor: str | None
    subject_id: str | None
    subject: str | None
    detail: str | None
