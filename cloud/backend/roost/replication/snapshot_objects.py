"""Whole databases in the log: files, compressed, each at a position of the log."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from roost.clock import parse_timestamp, timestamp
from roost.domain.replication import PageState
from roost.errors import BucketUnreachable, ObjectDamaged, ObjectMissing, PreconditionFailed, Unavailable
from roost.replication.download import download
from roost.replication.layout import SCHEMA, SHA256, snapshot, snapshots
from roost.replication.markers import sync_file
from roost.replication.object_store import ABSENT, ObjectStat, ObjectStore
from roost.replication.pages import READ_AT_ONCE_BYTES, PageHashes, add_pages
from roost.replication.segment import AT, Position

LEVEL = 3
ATTEMPTS = 3
CHECKSUM = "checksum"
PAGES = "pages"
PAGE_SIZE = "page_size"
REBASED = "rebased"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An object that claims to hold `state`. `at` is when that was committed; `rebased` tells that what led
    to it could not be told.
    """

    database: str
    position: Position
    state: PageState
    at: datetime
    rebased: bool
    stat: ObjectStat


@dataclass(frozen=True, slots=True)
class PackedSnapshot:
    """A compressed file beside, as it is to be put, and what it holds. `hashes` may be carried on with."""

    path: Path
    sha256: str
    state: PageState
    hashes: PageHashes


def listed_snapshots(store: ObjectStore, database: str) -> list[Snapshot]:
    """Newest first. What does not say what it holds is left out."""
    found = []
    token: str | None = None
    while True:
        page = store.list(snapshots(database), page_token=token)
        for stat in page.items:
            parsed = parse_snapshot(database, stat)
            if parsed is not None:
                found.append(parsed)
        token = page.next_page_token
        if token is None:
            return sorted(found, key=lambda each: each.position, reverse=True)


def parse_snapshot(database: str, stat: ObjectStat) -> Snapshot | None:
    epoch, _, seq = stat.name.rpartition("/")[2].removesuffix(".db.zst").partition("-")
    told = stat.metadata
    try:
        position = Position(int(epoch), int(seq))
        state = PageState(int(told[CHECKSUM], 16), int(told[PAGES]), int(told[PAGE_SIZE]))
        at = parse_timestamp(told[AT])
    except (KeyError, ValueError):
        return None
    if SHA256 not in told or stat.name != snapshot(database, position.epoch, position.seq):
        return None
    return Snapshot(database, position, state, at, told.get(REBASED) == "1", stat)


def pack_snapshot(path: Path, target: Path, going_on: Callable[[], None]) -> PackedSnapshot:
    """Compresses a file nobody has open to `target`, computing what it holds. `going_on` may raise, which
    ends it. Raises Unavailable when the disk is full; then `target` is gone.
    """
    import zstandard

    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, target.open("wb") as file:
            hashes = PageHashes(_page_size(source.read(100)))
            source.seek(0)
            compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=path.stat().st_size)
            while part := source.read(READ_AT_ONCE_BYTES):
                going_on()
                add_pages(hashes, part)
                packed = compressor.compress(part)
                digest.update(packed)
                file.write(packed)
            packed = compressor.flush()
            digest.update(packed)
            file.write(packed)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_full(target, error) from error
    except BaseException:  # cleaned up and raised on - whatever it was
        target.unlink(missing_ok=True)
        raise
    return PackedSnapshot(target, digest.hexdigest(), hashes.state, hashes)


def put_base_snapshot(
    store: ObjectStore,
    database: str,
    path: Path,
    epoch: int,
    at: datetime,
    going_on: Callable[[], None] = lambda: None,
) -> tuple[str, PageState]:
    """Stores a settled file, which nobody has open, as the state in which `epoch` begins: to be called before
    its document is written. The object's name, and what it holds.

    Raises what the store raises, Unavailable when the disk is full.
    """
    compressed = path.with_name(path.name + ".packing")
    try:
        packed = pack_snapshot(path, compressed, going_on)
        with path.open("rb") as file:
            file.seek(60)
            schema = int.from_bytes(file.read(4), "big")
        name = put_snapshot(store, database, Position(epoch, 0), packed, at, schema, rebased=True)
        return name, packed.state
    finally:
        compressed.unlink(missing_ok=True)


def put_snapshot(
    store: ObjectStore,
    database: str,
    position: Position,
    packed: PackedSnapshot,
    at: datetime,
    schema: int,
    *,
    rebased: bool,
) -> str:
    """The object's name, once it is there. Raises what the store raises, PreconditionFailed when another one
    is there.
    """
    name = snapshot(database, position.epoch, position.seq)
    metadata: Mapping[str, str] = {
        SHA256: packed.sha256,
        CHECKSUM: f"{packed.state.checksum:016x}",
        PAGES: str(packed.state.pages),
        PAGE_SIZE: str(packed.state.page_size),
        SCHEMA: str(schema),
        AT: timestamp(at),
        REBASED: "1" if rebased else "0",
    }
    with packed.path.open("rb") as file:
        try:
            store.put(name, file, if_generation_match=ABSENT, metadata=metadata)
        except PreconditionFailed:
            # Our own attempt, whose answer was lost, or a snapshot of the very same state.
            there = parse_snapshot(database, store.stat(name))
            if there is None or there.state != packed.state:
                raise
    return name


def fetch_snapshot(
    store: ObjectStore, found: Snapshot, target: Path, stopping: threading.Event
) -> PageHashes:
    """The file, on disk when this returns, and what it holds.

    Raises ObjectDamaged when the object is not what its writer stored, ObjectMissing, BucketUnreachable,
    Unavailable when the disk is full or Roost stops; then `target` is gone.
    """
    import zstandard

    compressed = target.with_name(target.name + ".zst")
    hashes = PageHashes(found.state.page_size)
    try:
        for attempt in range(ATTEMPTS):
            try:
                download(store, found.stat, compressed, stopping)
            except BucketUnreachable:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                break
        with compressed.open("rb") as source, target.open("wb") as file:
            parts = zstandard.ZstdDecompressor().read_to_iter(source, write_size=READ_AT_ONCE_BYTES)
            rest = b""
            for part in parts:
                if stopping.is_set():
                    raise Unavailable("Roost is stopping.")
                part = rest + part
                whole = len(part) // hashes.page_size * hashes.page_size
                part, rest = part[:whole], part[whole:]
                add_pages(hashes, part)
                file.write(part)
        if rest or hashes.state != found.state:
            raise ObjectDamaged(
                f"{found.stat.name} in {store.place} does not hold what it says. "
                "Roost uses an older snapshot where there is one."
            )
        sync_file(target)
    except zstandard.ZstdError as error:
        target.unlink(missing_ok=True)
        raise ObjectDamaged(f"{found.stat.name} in {store.place} is damaged ({error}).") from error
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_full(target, error) from error
    except BaseException:  # cleaned up and raised on - whatever it was
        target.unlink(missing_ok=True)
        raise
    finally:
        compressed.unlink(missing_ok=True)
    return hashes


def find_snapshot(store: ObjectStore, database: str, name: str) -> Snapshot:
    """The snapshot of that name. Raises ObjectDamaged when it is missing, or says nothing."""
    try:
        found = parse_snapshot(database, store.stat(name))
    except ObjectMissing as error:
        raise ObjectDamaged(
            f"{name} in {store.place} is missing, and what led to it could not be told. Put it back, or "
            "restore to a moment before it with `roost backup restore --at`.",
            code="log_gap",
        ) from error
    if found is None:
        raise ObjectDamaged(
            f"{name} in {store.place} does not say what it holds. Put a good copy of it back."
        )
    return found


def disk_full(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path.name} cannot be written ({error.strerror}). Free some space on its disk.",
        code="disk_full",
        retry_after_s=10,
    )


def _page_size(header: bytes) -> int:
    size = int.from_bytes(header[16:18], "big")
    return 65536 if size == 1 else size
