"""What arrives over a gateway that delivers nothing twice: the inbox, with what is needed to ask again for
what was missed and to follow up what was cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roost.clock import Clock, timestamp
from roost.errors import DecryptionRefused
from roost.storage import gateway
from roost.storage.database import Database
from roost.storage.gateway import ChannelMark
from roost.storage.inbox import InboxEntry, Update
from roost.storage.secrets import Cipher


class GatewayInbox:
    """`conversations` is conversations.db. Thread-safe; every method may wait for a commit."""

    def __init__(self, conversations: Database, cipher: Cipher, clock: Clock) -> None:
        self._database = conversations
        self._cipher = cipher
        self._clock = clock

    def receive(
        self, bot_id: str, updates: Sequence[Update], marks: Sequence[ChannelMark]
    ) -> list[InboxEntry]:
        """Stores messages and how far the channels are seen, in one write; returns what is new."""
        now = self._clock.now()
        new = self._database.write(lambda db: gateway.receive_messages(db, bot_id, updates, marks, now))
        return _entries(updates, set(new), now)

    def receive_interaction(
        self, bot_id: str, update: Update, token: str, expires_at: datetime
    ) -> list[InboxEntry]:
        """Stores an interaction with its token, encrypted, until that expires; returns it if it is new."""
        now = self._clock.now()
        sealed = self._cipher.seal(token, _place(bot_id, update.update_id))
        new = self._database.write(
            lambda db: gateway.receive_interaction(db, bot_id, update, sealed, expires_at, now)
        )
        return _entries([update], set(new), now)

    def interaction_token(self, bot_id: str, update_id: int) -> str | None:
        """None when it has expired, or was sealed under a key that is gone."""
        with self._database.read() as db:
            sealed = gateway.find_interaction(db, bot_id, update_id, self._clock.now())
        try:
            return self._cipher.open(sealed, _place(bot_id, update_id)) if sealed else None
        except DecryptionRefused:
            return None

    def marks(self, bot_id: str) -> list[ChannelMark]:
        with self._database.read() as db:
            return gateway.list_marks(db, bot_id)

    def drop_mark(self, bot_id: str, channel_id: int) -> None:
        """The channel is gone, or closed to the bot."""
        self._database.write(lambda db: gateway.drop_mark(db, bot_id, channel_id))

    def forget_expired(self) -> int:
        """Deletes the tokens that can no longer be used; returns how many."""
        now = self._clock.now()
        return self._database.write(lambda db: gateway.forget_interactions_before(db, now))


def _entries(updates: Sequence[Update], new: set[int], at: datetime) -> list[InboxEntry]:
    return [
        InboxEntry(update, answered=False, attempts=0, received_at=timestamp(at))
        for update in updates
        if update.update_id in new
    ]


def _place(bot_id: str, update_id: int) -> str:
    return f"interaction_tokens/{bot_id}/{update_id}/token"
