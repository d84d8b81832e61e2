"""Looking at a data folder from outside, without changing it: what may be done while a server uses it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from roost.errors import DatabaseUnreadable
from roost.storage.sealed import Resealed, count_unreadable
from roost.storage.secrets import Cipher, load_or_create_secret_key, load_previous_secret_key


def count_sealed(data_dir: Path, secret_key: str | None, previous: str | None) -> Resealed:
    """How many of the stored secrets open under these keys, and how many do not.

    `secret_key` None: the folder's own, which is there. Raises DatabaseUnreadable, and SettingsError or
    Unavailable for a key file that cannot be used.
    """
    cipher = Cipher(
        secret_key or load_or_create_secret_key(data_dir), previous or load_previous_secret_key(data_dir)
    )
    path = data_dir / "bot_configs.db"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=2)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as db:
            return count_unreadable(db, "bot_configs", cipher)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DatabaseUnreadable(
            f"{path} cannot be read. Let Roost start once, or put a good copy there."
        ) from error
    finally:
        engine.dispose()


def sqlite_version() -> str:
    return sqlite3.sqlite_version
