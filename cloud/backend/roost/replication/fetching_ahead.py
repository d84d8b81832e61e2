"""Fetches an epoch's segments some at a time: most are small, and waiting for the bucket is what takes the
time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from roost.errors import Unavailable
from roost.replication.log_reader import fetch_packed, missing_segment
from roost.replication.object_store import ObjectStat, ObjectStore
from roost.replication.segment import Position

FETCHED_AT_ONCE = 32
FETCHED_AHEAD_BYTES = 32 * 1024 * 1024

Packed = Callable[[], tuple[bytes, str]]
"""A segment as it lies there, and its SHA-256. Raises as `log_reader.fetch_packed`."""


def fetched_ahead(
    store: ObjectStore,
    epoch: int,
    first: int,
    last: int,
    listed: Mapping[int, ObjectStat],
    stopping: threading.Event,
) -> Iterator[tuple[Position, Packed]]:
    """The epoch's segments from `first` to `last`, in order; what is not `listed` counts as missing. Raises
    Unavailable when Roost stops.
    """
    if first > last:
        return
    waiting: deque[tuple[Position, Future[tuple[bytes, str]]]] = deque()
    ahead_bytes = 0

    def oldest() -> tuple[Position, Packed]:
        nonlocal ahead_bytes
        position, fetched = waiting.popleft()
        ahead_bytes -= _size(listed.get(position.seq))
        return position, fetched.result

    with ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="fetching") as pool:
        try:
            for seq in range(first, last + 1):
                if stopping.is_set():
                    raise Unavailable("Roost is stopping.")
                position, stat = Position(epoch, seq), listed.get(seq)
                ahead_bytes += _size(stat)
                while waiting and (len(waiting) >= FETCHED_AT_ONCE or ahead_bytes > FETCHED_AHEAD_BYTES):
                    yield oldest()
                waiting.append((position, pool.submit(_fetch, store, position, stat)))
            while waiting:
                yield oldest()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _fetch(store: ObjectStore, position: Position, stat: ObjectStat | None) -> tuple[bytes, str]:
    if stat is None:
        raise missing_segment(store, position)
    return fetch_packed(store, position, stat)


def _size(stat: ObjectStat | None) -> int:
    return 0 if stat is None else stat.size_bytes
