"""Files that say the same are told from files that do not, by the last detail."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from roost.storage.same_rows import same_rows


def made(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (v)")
        db.execute("CREATE TABLE keyed (k TEXT, n INT, PRIMARY KEY (n, k)) WITHOUT ROWID")
        db.execute("INSERT INTO t VALUES ('1'), (x'31'), (NULL), (2.0)")
        db.execute("INSERT INTO keyed VALUES ('a', 2), ('b', 1)")
        db.commit()
        for statement in statements:
            db.execute(statement)
            db.commit()
    return path


def test_where_rows_lie_does_not_count(tmp_path: Path) -> None:
    one = made(tmp_path / "one.db")
    moved = made(
        tmp_path / "moved.db",
        "CREATE TABLE gone AS SELECT randomblob(100000)",
        "DROP TABLE gone",
        "PRAGMA page_size=1024",
        "VACUUM",
        "DELETE FROM keyed WHERE k = 'a'",
        "INSERT INTO keyed VALUES ('a', 2)",
    )
    assert one.read_bytes()[:4096] != moved.read_bytes()[:4096]
    assert same_rows(one, moved)
    assert not same_rows(one, moved, at_most_bytes=4096)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET v = 1 WHERE v = '1'",
        "UPDATE t SET v = '1' WHERE v = x'31'",
        "UPDATE t SET v = '' WHERE v IS NULL",
        "UPDATE t SET v = 2 WHERE v = 2.0",
        "INSERT INTO t VALUES (NULL)",
        "UPDATE keyed SET n = 3 WHERE n = 2",
        "CREATE INDEX t_v ON t (v)",
        "PRAGMA user_version=7",
    ],
)
def test_every_difference_counts(tmp_path: Path, statement: str) -> None:
    assert not same_rows(made(tmp_path / "one.db"), made(tmp_path / "other.db", statement))


def test_what_cannot_be_read_is_another(tmp_path: Path) -> None:
    one = made(tmp_path / "one.db")
    (tmp_path / "torn.db").write_bytes(one.read_bytes()[:4096] + bytes(4096))
    assert not same_rows(one, tmp_path / "torn.db")
