"""The markers beside the local files: `<database>.db.marker`, replaced whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from roost.domain.replication import Marker


def marker_path(data_dir: Path, database: str) -> Path:
    return data_dir / f"{database}.db.marker"


def read_marker(data_dir: Path, database: str) -> Marker | None:
    """None when there is none, or none that can be read: the file then counts as one nobody knows."""
    try:
        return Marker(**json.loads(marker_path(data_dir, database).read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_marker(data_dir: Path, database: str, marker: Marker) -> None:
    path = marker_path(data_dir, database)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(marker), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(data_dir)


def sync_file(path: Path) -> None:
    """Makes the content of a file that nobody has open last."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Makes renames in the folder last."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
