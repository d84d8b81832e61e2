"""A folder as versions wrote it that kept a lock, one record for each object and one counter."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path


def write_former(
    folder: Path, name: str, content: bytes, generation: int, metadata: Mapping[str, str] | None = None
) -> None:
    """One object, with the record that its generation is the newest and another one was before."""
    own, file = folder / ".roost", folder / name
    record = own / "objects" / f"{name}.json"
    for each in (file.parent, record.parent, own / "partial"):
        each.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    status = file.stat()
    newest = {
        "generation": generation,
        "sha256": hashlib.sha256(content).hexdigest(),
        "metadata": dict(metadata or {}),
        "inode": status.st_ino,
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }
    before = {**newest, "generation": generation - 1, "sha256": "0" * 64, "inode": 0}
    record.write_text(json.dumps([newest, before]), "utf-8")
    counter = own / "generation"
    last = int(counter.read_text("ascii")) if counter.exists() else 0
    counter.write_text(str(max(last, generation)).rjust(20, "0"), "ascii")
    os.close(os.open(own / "lock", os.O_RDWR | os.O_CREAT, 0o600))
