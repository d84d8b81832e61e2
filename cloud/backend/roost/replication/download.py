"""An object as a file: in parts, so that memory and every request stay bounded, and checked as a whole."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from roost.errors import BucketUnreachable, ObjectDamaged, Unavailable
from roost.replication.layout import SHA256
from roost.replication.object_store import ObjectStat, ObjectStore

PART_BYTES = 8 * 1024 * 1024
ATTEMPTS = 3


def download(store: ObjectStore, stat: ObjectStat, target: Path, stopping: threading.Event) -> str:
    """Writes that generation to `target`, on disk when this returns; its SHA-256.

    What came damaged is fetched again. Raises ObjectDamaged when the whole never matches its checksums,
    ObjectMissing when the object has been replaced meanwhile, Unavailable when the disk is full or Roost
    stops; then `target` is gone again.
    """
    try:
        for _ in range(ATTEMPTS):
            sha256, crc32c = _write(store, stat, target, stopping)
            if sha256 == stat.metadata.get(SHA256, sha256) and crc32c in (stat.crc32c, None):
                return sha256
        raise ObjectDamaged(
            f"{stat.name} in {store.place} is not what was stored there: its checksum differs. "
            "Put a good copy in its place."
        )
    except OSError as error:
        target.unlink(missing_ok=True)
        raise Unavailable(
            f"{target.name} cannot be written ({error.strerror}). Free some space on the disk of DATA_DIR.",
            code="disk_full",
        ) from error
    except BaseException:  # cleaned up and raised on - whatever it was
        target.unlink(missing_ok=True)
        raise


def _write(
    store: ObjectStore, stat: ObjectStat, target: Path, stopping: threading.Event
) -> tuple[str, int | None]:
    digest = hashlib.sha256()
    crc32c: int | None = None
    with target.open("wb") as file:
        for start in range(0, stat.size_bytes, PART_BYTES):
            part = _part(store, stat, start, stopping)
            digest.update(part)
            crc32c = _extended(stat, crc32c, part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), crc32c


def _part(store: ObjectStore, stat: ObjectStat, start: int, stopping: threading.Event) -> bytes:
    end = min(start + PART_BYTES, stat.size_bytes)
    trouble: BucketUnreachable | None = None
    for _ in range(ATTEMPTS):
        if stopping.is_set():
            raise Unavailable("Roost is stopping.")
        try:
            part = store.get(stat.name, generation=stat.generation, start=start, end=end)
        except BucketUnreachable as error:
            trouble = error
            continue
        if len(part) == end - start:
            return part
    if trouble is not None:
        raise trouble
    raise BucketUnreachable(f"{store.place} cut {stat.name} short, {ATTEMPTS} times.")


def _extended(stat: ObjectStat, crc32c: int | None, part: bytes) -> int | None:
    if stat.crc32c is None:
        return None
    import google_crc32c

    return int(google_crc32c.extend(crc32c or 0, part))
