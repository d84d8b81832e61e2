"""Widgets in bot_configs.db."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row

from roost.clock import parse_timestamp, timestamp
from roost.domain.bots import UNSET
from roost.domain.widgets import Look, Scheme, Side, Widget, WidgetChange
from roost.errors import Conflict
from roost.storage.statements import text

_COLUMNS = "id, owner_id, bot_id, key, name, origins, look, logo, created_at, updated_at"


def insert_widget(db: Connection, widget: Widget, at_most: int) -> Widget:
    """Raises Conflict at `at_most` widgets of a person."""
    count = db.execute(
        text("SELECT count(*) FROM widgets WHERE owner_id = :owner_id"), {"owner_id": widget.owner_id}
    ).scalar_one()
    if count >= at_most:
        raise Conflict(
            f"You have {count} widgets. Revoke one that is no longer used.", code="too_many_widgets"
        )
    db.execute(
        text(
            f"INSERT INTO widgets ({_COLUMNS}) VALUES (:id, :owner_id, :bot_id, :key, :name, :origins, :look,"  # noqa: S608 - our own column list
            " :logo, :at, :at)"
        ),
        {
            "id": widget.id,
            "owner_id": widget.owner_id,
            "bot_id": widget.bot_id,
            "key": widget.key,
            "name": widget.name,
            "origins": json.dumps(widget.origins),
            "look": _look_json(widget.look),
            "logo": widget.logo,
            "at": timestamp(widget.created_at),
        },
    )
    return widget


def find_widget(db: Connection, widget_id: str) -> Widget | None:
    row = db.execute(
        text(f"SELECT {_COLUMNS} FROM widgets WHERE id = :id"),  # noqa: S608 - our own column list
        {"id": widget_id},
    ).one_or_none()
    return None if row is None else _widget(row)


def find_by_key(db: Connection, key: str) -> Widget | None:
    row = db.execute(
        text(f"SELECT {_COLUMNS} FROM widgets WHERE key = :key"),  # noqa: S608 - our own column list
        {"key": key},
    ).one_or_none()
    return None if row is None else _widget(row)


def list_widgets(db: Connection, owner_id: str | None, before_id: str | None, limit: int) -> Sequence[Widget]:
    """Of one person or of all, newest first; ids are UUIDv7, so they order by time."""
    rows = db.execute(
        text(
            f"SELECT {_COLUMNS} FROM widgets WHERE (:owner_id IS NULL OR owner_id = :owner_id)"  # noqa: S608 - our own column list
            " AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
        ),
        {"owner_id": owner_id, "before": before_id, "limit": limit},
    )
    return [_widget(row) for row in rows]


def ids_of_owner(db: Connection, owner_id: str) -> tuple[str, ...]:
    rows = db.execute(text("SELECT id FROM widgets WHERE owner_id = :owner_id"), {"owner_id": owner_id})
    return tuple(rows.scalars())


def change_widget(db: Connection, widget_id: str, change: WidgetChange, at: datetime) -> None:
    values: dict[str, object] = {"updated_at": timestamp(at)}
    if change.name is not UNSET:
        values["name"] = change.name
    if change.origins is not UNSET:
        values["origins"] = json.dumps(change.origins)
    if change.bot_id is not UNSET:
        values["bot_id"] = change.bot_id
    if change.look is not UNSET:
        values["look"] = _look_json(change.look)
    if change.logo is not UNSET:
        values["logo"] = change.logo
    assignments = ", ".join(f"{column} = :{column}" for column in values)
    db.execute(
        text(f"UPDATE widgets SET {assignments} WHERE id = :id"),  # noqa: S608 - our own columns
        {**values, "id": widget_id},
    )


def delete_widget(db: Connection, widget_id: str) -> None:
    db.execute(text("DELETE FROM widgets WHERE id = :id"), {"id": widget_id})


def _look_json(look: Look) -> str:
    return json.dumps(
        {
            "title": look.title,
            "greeting": look.greeting,
            "accent": look.accent,
            "scheme": look.scheme.value,
            "position": look.position.value,
            "starters": look.starters,
        },
        ensure_ascii=False,
    )


def _widget(row: Row[tuple[object, ...]]) -> Widget:
    look = json.loads(row.look)
    return Widget(
        id=row.id,
        owner_id=row.owner_id,
        bot_id=row.bot_id,
        key=row.key,
        name=row.name,
        origins=tuple(json.loads(row.origins)),
        look=Look(
            title=look["title"],
            greeting=look["greeting"],
            accent=look["accent"],
            scheme=Scheme(look["scheme"]),
            position=Side(look["position"]),
            starters=tuple(look["starters"]),
        ),
        logo=row.logo,
        created_at=parse_timestamp(row.created_at),
        updated_at=parse_timestamp(row.updated_at),
    )
