"""Registered bots in bot_configs.db. Tokens and keys are sealed to their row and opened for a runner only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.accounts import Role
from roost.domain.answers import AnswerSettings
from roost.domain.bots import UNSET, Bot, BotChange, BotCredentials, Desired, Platform, Transport
from roost.errors import NotFound
from roost.storage.database import Database
from roost.storage.secrets import Cipher
from roost.storage.statements import text

T = TypeVar("T")

_COLUMNS = (
    "bot_id, owner_id, platform, platform_bot_id, name, handle, token_last4, model, system_prompt, status,"
    " status_since, base_url, api_key IS NOT NULL AS has_api_key, source_ids, allowed_chats, transport,"
    " created_at, updated_at,"
    " token_last4 <> '' AND json_extract(metadata, '$.unproven') IS NULL AS proven"
)


class BotStore:
    """`database` is bot_configs.db. Methods that take a Connection run inside a write of the caller's."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self.database = database
        self._cipher = cipher

    def register(
        self,
        db: Connection,
        bot: Bot,
        token: str,
        api_key: str | None,
        conflict: Callable[[Bot], Exception],
        result: T,
        webhook_secret: str | None = None,
    ) -> T:
        """Stores a new bot and returns `result`. Raises `conflict(other)` when the platform's bot is stored
        already. `webhook_secret` is fresh, for a bot whose updates the platform brings.
        """
        other = self.find_on_platform(db, bot.platform, bot.platform_bot_id)
        if other is not None:
            raise conflict(other)
        self._insert(db, bot, token, api_key)
        self._set_transport(db, bot.id, Transport(bot.transport), webhook_secret)
        return result

    def changed(
        self,
        db: Connection,
        bot_id: str,
        change: BotChange,
        handle: str | None,
        at: datetime,
        webhook_secret: str | None = None,
    ) -> Bot | None:
        """Changes the bot and returns it as it is then; None when there is none. `webhook_secret` is fresh,
        for a bot whose updates the platform is to bring from now on.
        """
        self.change(db, bot_id, change, handle, at)
        if change.transport is not UNSET:
            self._set_transport(db, bot_id, change.transport, webhook_secret)
        return self.find_in(db, bot_id)

    def wanted(self, db: Connection, bot_id: str, desired: Desired, at: datetime) -> Bot | None:
        """Remembers what the person wants, and returns the bot as it is then; None when there is none."""
        self.set_desired(db, bot_id, desired, at)
        return self.find_in(db, bot_id)

    def _insert(self, db: Connection, bot: Bot, token: str, api_key: str | None) -> None:
        db.execute(
            text(
                "INSERT INTO bot_configs (bot_id, owner_id, platform, platform_bot_id, name, handle, token,"
                " token_last4, model, system_prompt, status, status_since, base_url, api_key, source_ids,"
                " allowed_chats, transport, metadata, created_at, updated_at)"
                " VALUES (:bot_id, :owner_id, :platform, :platform_bot_id, :name, :handle, :token,"
                " :token_last4, :model, :system_prompt, :status, :status_since, :base_url, :api_key,"
                " :source_ids, :allowed_chats, :transport, :metadata, :created_at, :updated_at)"
            ),
            {
                "bot_id": bot.id,
                "owner_id": bot.owner_id,
                "platform": bot.platform.value,
                "platform_bot_id": bot.platform_bot_id,
                "name": bot.name,
                "handle": bot.handle,
                "token": self._cipher.seal(token, _place(bot.id, "token")),
                "token_last4": bot.token_last4,
                "model": bot.model,
                "system_prompt": bot.system_prompt,
                "status": bot.desired.value,
                "status_since": timestamp(bot.desired_since),
                "base_url": bot.base_url,
                "api_key": self._cipher.seal(api_key, _place(bot.id, "api_key")) if api_key else None,
                "source_ids": _list_to_json(bot.source_ids),
                "allowed_chats": _list_to_json(bot.allowed_chats),
                "transport": bot.transport,
                "metadata": json.dumps({} if bot.proven else {"unproven": True}),
                "created_at": timestamp(bot.created_at),
                "updated_at": timestamp(bot.updated_at),
            },
        )

    def change(
        self, db: Connection, bot_id: str, change: BotChange, handle: str | None, at: datetime
    ) -> None:
        """Sets what is not UNSET. `handle` is what the platform calls the bot now, when it was asked."""
        values: dict[str, object] = {"updated_at": timestamp(at)}
        if change.token is not UNSET:
            values["token"] = self._cipher.seal(change.token, _place(bot_id, "token"))
            values["token_last4"] = change.token[-4:]
        if handle is not None:
            values["handle"] = handle
        for column in ("name", "system_prompt", "model", "base_url"):
            if getattr(change, column) is not UNSET:
                values[column] = getattr(change, column)
        if change.api_key is not UNSET:
            key = change.api_key
            values["api_key"] = self._cipher.seal(key, _place(bot_id, "api_key")) if key else None
        if change.source_ids is not UNSET:
            values["source_ids"] = _list_to_json(change.source_ids)
        if change.allowed_chats is not UNSET:
            values["allowed_chats"] = _list_to_json(change.allowed_chats)
        self._update(db, bot_id, values)
        if change.token is not UNSET:
            self.prove(db, bot_id)

    def prove(self, db: Connection, bot_id: str) -> None:
        """The platform has told that the stored token is this bot's."""
        db.execute(
            text(
                "UPDATE bot_configs SET metadata = json_remove(metadata, '$.unproven') WHERE bot_id = :bot_id"
            ),
            {"bot_id": bot_id},
        )

    def set_desired(self, db: Connection, bot_id: str, desired: Desired, at: datetime) -> None:
        """Remembers what the person wants; repeating it changes nothing, not even the moment."""
        db.execute(
            text(
                "UPDATE bot_configs SET status = :status, status_since = :at, updated_at = :at"
                " WHERE bot_id = :bot_id AND status <> :status"
            ),
            {"status": desired.value, "at": timestamp(at), "bot_id": bot_id},
        )

    def remove(self, db: Connection, bot_id: str) -> None:
        db.execute(text("DELETE FROM bot_configs WHERE bot_id = :bot_id"), {"bot_id": bot_id})

    def find(self, bot_id: str) -> Bot | None:
        with self.database.read() as db:
            return self.find_in(db, bot_id)

    def find_in(self, db: Connection, bot_id: str) -> Bot | None:
        row = db.execute(
            text(f"SELECT {_COLUMNS} FROM bot_configs WHERE bot_id = :bot_id"),  # noqa: S608 - fixed columns
            {"bot_id": bot_id},
        ).one_or_none()
        return None if row is None else _bot(row)

    def find_on_platform(self, db: Connection, platform: Platform, platform_bot_id: str) -> Bot | None:
        row = db.execute(
            text(
                f"SELECT {_COLUMNS} FROM bot_configs"  # noqa: S608 - fixed columns
                " WHERE platform = :platform AND platform_bot_id = :platform_bot_id"
            ),
            {"platform": platform.value, "platform_bot_id": platform_bot_id},
        ).one_or_none()
        return None if row is None else _bot(row)

    def page(self, owner_id: str | None, after: str | None, limit: int) -> tuple[Bot, ...]:
        """Oldest first, of one owner or of all, from behind the bot with the id `after`."""
        with self.database.read() as db:
            rows = db.execute(
                text(
                    f"SELECT {_COLUMNS} FROM bot_configs"  # noqa: S608 - fixed columns
                    " WHERE bot_id > :after AND (:owner_id IS NULL OR owner_id = :owner_id)"
                    " ORDER BY bot_id LIMIT :limit"
                ),
                {"owner_id": owner_id, "after": after or "", "limit": limit},
            ).all()
        return tuple(_bot(row) for row in rows)

    def ids_of_owner(self, db: Connection, owner_id: str) -> tuple[str, ...]:
        rows = db.execute(
            text("SELECT bot_id FROM bot_configs WHERE owner_id = :owner_id"), {"owner_id": owner_id}
        )
        return tuple(str(row.bot_id) for row in rows)

    def count(self) -> int:
        with self.database.read() as db:
            return int(db.execute(text("SELECT count(*) FROM bot_configs")).scalar_one())

    def wanted_ids(self) -> tuple[str, ...]:
        """The bots that people want running."""
        with self.database.read() as db:
            rows = db.execute(text("SELECT bot_id FROM bot_configs WHERE status = 'running' ORDER BY bot_id"))
            return tuple(str(row.bot_id) for row in rows)

    def wanted_ids_of_owners(self, platform: Platform) -> tuple[str, ...]:
        """The bots of the installation's owners that people want running."""
        with self.database.read() as db:
            rows = db.execute(
                text(
                    "SELECT b.bot_id FROM bot_configs b JOIN users u ON u.id = b.owner_id"
                    " WHERE u.role = 'owner' AND b.platform = :platform AND b.status = 'running'"
                    " ORDER BY b.bot_id"
                ),
                {"platform": platform.value},
            )
            return tuple(str(row.bot_id) for row in rows)

    def credentials(self, bot_id: str) -> BotCredentials:
        """What a runner needs. Raises NotFound, and DecryptionRefused when a secret is not this row's or this
        key's.
        """
        with self.database.read() as db:
            bot = self.find_in(db, bot_id)
            secrets = db.execute(
                text(
                    "SELECT token, api_key, webhook_secret, users.role FROM bot_configs"
                    " JOIN users ON users.id = bot_configs.owner_id WHERE bot_id = :bot_id"
                ),
                {"bot_id": bot_id},
            ).one_or_none()
        if bot is None or secrets is None:
            raise NotFound("There is no such bot.")
        sealed_key = secrets.api_key
        api_key = self._cipher.open(sealed_key, _place(bot_id, "api_key")) if sealed_key else None
        sealed = secrets.webhook_secret
        webhook_secret = self._cipher.open(sealed, _place(bot_id, "webhook_secret")) if sealed else None
        return BotCredentials(
            bot=bot,
            token=self._cipher.open(secrets.token, _place(bot_id, "token")),
            answers=AnswerSettings(
                bot_id=bot_id,
                system_prompt=bot.system_prompt,
                model=bot.model,
                base_url=bot.base_url,
                api_key=api_key,
                source_ids=bot.source_ids,
                guarded=secrets.role != Role.OWNER,
            ),
            webhook_secret=webhook_secret,
        )

    def _set_transport(
        self, db: Connection, bot_id: str, transport: Transport, webhook_secret: str | None
    ) -> None:
        """A bot that has a secret keeps it for as long as the platform brings its updates."""
        sealed = None
        if webhook_secret is not None and transport is Transport.WEBHOOK:
            sealed = self._cipher.seal(webhook_secret, _place(bot_id, "webhook_secret"))
        db.execute(
            text(
                "UPDATE bot_configs SET transport = :transport, webhook_secret ="
                " CASE WHEN :transport = 'webhook' THEN coalesce(webhook_secret, :sealed) END"
                " WHERE bot_id = :bot_id"
            ),
            {"transport": transport.value, "sealed": sealed, "bot_id": bot_id},
        )

    def _update(self, db: Connection, bot_id: str, values: Mapping[str, object]) -> None:
        assignments = ", ".join(f"{column} = :{column}" for column in values)
        db.execute(
            text(f"UPDATE bot_configs SET {assignments} WHERE bot_id = :bot_id"),  # noqa: S608 - fixed columns
            {**values, "bot_id": bot_id},
        )


def _place(bot_id: str, column: str) -> str:
    return f"bot_configs/{bot_id}/{column}"


def _list_to_json(values: Sequence[str] | None) -> str | None:
    return None if values is None else json.dumps(list(values))


def _json_to_list(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else tuple(str(value) for value in json.loads(stored))


def _bot(row: Row[tuple[object, ...]]) -> Bot:
    return Bot(
        id=row.bot_id,
        owner_id=row.owner_id,
        platform=Platform(row.platform),
        platform_bot_id=row.platform_bot_id,
        name=row.name,
        handle=row.handle,
        token_last4=row.token_last4,
        model=row.model,
        system_prompt=row.system_prompt,
        desired=Desired(row.status),
        desired_since=parse_timestamp(row.status_since),
        base_url=row.base_url,
        has_api_key=bool(row.has_api_key),
        source_ids=_json_to_list(row.source_ids),
        allowed_chats=_json_to_list(row.allowed_chats),
        transport=row.transport,
        created_at=parse_timestamp(row.created_at),
        updated_at=parse_timestamp(row.updated_at),
        proven=bool(row.proven),
    )
