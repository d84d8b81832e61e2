"""Local files that the bucket's copy has taken the place of: `<database>.db.conflict-<time>`.

They are never deleted. `.dismissed` beside one says that a person has seen it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from roost.domain.replication import SetAside
from roost.errors import NotFound
from roost.replication.layout import DATABASES
from roost.storage.copies import sha256_of

TIME = "%Y%m%dT%H%M%S.%fZ"
DISMISSED = ".dismissed"


def conflict_path(data_dir: Path, database: str, at: datetime) -> Path:
    return data_dir / f"{database}.db.conflict-{at.astimezone(UTC).strftime(TIME)}"


def conflicts(data_dir: Path) -> tuple[SetAside, ...]:
    """Those nobody has dismissed yet, oldest first."""
    found = []
    for database in DATABASES:
        for path in data_dir.glob(f"{database}.db.conflict-*Z"):
            at = _time(path.name.partition(".conflict-")[2])
            if at is not None and not _dismissal(path).exists():
                found.append(SetAside(path.name, database, at))
    return tuple(sorted(found, key=lambda conflict: conflict.at))


def is_set_aside(data_dir: Path, database: str, sha256: str) -> bool:
    """Whether a conflict holds just this: a start that failed after setting it aside tries again."""
    return any(
        conflict.database == database and sha256_of(data_dir / conflict.id) == sha256
        for conflict in conflicts(data_dir)
    )


def dismiss(data_dir: Path, conflict_id: str) -> None:
    """Raises NotFound for what is not among `conflicts`."""
    if conflict_id not in {conflict.id for conflict in conflicts(data_dir)}:
        raise NotFound("There is no such conflict, or it has been dismissed.")
    _dismissal(data_dir / conflict_id).touch()


def _time(text: str) -> datetime | None:
    """None for a name that somebody else made."""
    try:
        return datetime.strptime(text, TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _dismissal(path: Path) -> Path:
    return path.with_name(path.name + DISMISSED)
