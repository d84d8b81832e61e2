"""Counts what is asked of a bucket, for what that costs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import BinaryIO

from roost.clock import Clock
from roost.domain.costs import BucketUse
from roost.replication.layout import LOG
from roost.replication.object_store import ListPage, ObjectStat, ObjectStore

SEGMENTS_KEPT_S = 7 * 86_400.0


class CountedStore:
    """`ObjectStore`, and how much it was used since it was made."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._began_s = clock.monotonic_s()
        self._writes = 0
        self._reads = 0
        self._segment_bytes = 0
        self._sizes: dict[str, int] = {}

    @property
    def place(self) -> str:
        return self._store.place

    def use(self) -> BucketUse:
        """What lies there is estimated: segments as if they came at this pace for as long as they are kept,
        and of everything else what was seen.
        """
        with self._lock:
            window_s = self._clock.monotonic_s() - self._began_s
            segments = self._segment_bytes * SEGMENTS_KEPT_S / max(window_s, 1.0)
            stored = sum(self._sizes.values()) + int(segments)
            return BucketUse(window_s, self._writes, self._reads, stored)

    def stat(self, name: str) -> ObjectStat:
        self._count(reads=1)
        return self._store.stat(name)

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        self._count(reads=1)
        return self._store.get(name, generation=generation, start=start, end=end)

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        self._count(writes=1)
        stored = self._store.put(name, content, if_generation_match=if_generation_match, metadata=metadata)
        with self._lock:
            if name.startswith(LOG):
                self._segment_bytes += stored.size_bytes
            else:
                self._sizes[name] = stored.size_bytes
        return stored

    def list(
        self,
        prefix: str = "",
        *,
        start_offset: str = "",
        page_token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
        self._count(writes=1)
        page = self._store.list(prefix, start_offset=start_offset, page_token=page_token, limit=limit)
        with self._lock:
            for item in page.items:
                if not item.name.startswith(LOG):
                    self._sizes[item.name] = item.size_bytes
        return page

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        self._store.delete(name, if_generation_match=if_generation_match)
        with self._lock:
            self._sizes.pop(name, None)

    def _count(self, *, writes: int = 0, reads: int = 0) -> None:
        with self._lock:
            self._writes += writes
            self._reads += reads
