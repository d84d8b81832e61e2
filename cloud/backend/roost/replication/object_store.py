"""What Roost asks of a bucket. One protocol, two implementations, one contract suite (tests/contract)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

ABSENT = 0
"""As `if_generation_match`: only when there is no such object."""


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """One generation of an object. `crc32c` is the service's own checksum, where it keeps one."""

    name: str
    generation: int
    size_bytes: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    crc32c: int | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """`next_page_token` is None on the last page."""

    items: Sequence[ObjectStat]
    next_page_token: str | None


class ObjectStore(Protocol):
    """Objects under names, each with a generation that never comes back, changed by compare-and-set.

    Thread-safe. Every call ends within seconds. Besides what is named below each call raises BucketForbidden,
    BucketMissing, or BucketUnreachable (alone retryable at once; a person can mend the others).
    """

    @property
    def place(self) -> str:
        """The bucket as people know it: `gs://name`, or the folder's path."""
        ...

    def stat(self, name: str) -> ObjectStat:
        """Raises ObjectMissing when the bucket says that there is no such object."""
        ...

    def get(
        self, name: str, *, generation: int | None = None, start: int = 0, end: int | None = None
    ) -> bytes:
        """The bytes from `start` to before `end`, of that generation alone.

        Raises ObjectMissing, also when the generation is not there any more. A range behind the object's end
        is empty.
        """
        ...

    def put(
        self,
        name: str,
        content: bytes | BinaryIO,
        *,
        if_generation_match: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectStat:
        """Stores a new generation, whole or not at all. `content` is read from its beginning.

        Raises PreconditionFailed when the object is not at that generation: somebody else wrote, or an
        earlier attempt of this very call had succeeded and its answer was lost. BucketUnreachable leaves open
        whether it was stored.
        """
        ...

    def list(
        self,
        prefix: str = "",
        *,
        start_offset: str = "",
        page_token: str | None = None,
        limit: int = 1000,
    ) -> ListPage:
        """Objects in the order of their names (as UTF-8), from `start_offset` on. An empty page without a
        token is the bucket's positive answer that there is nothing.
        """
        ...

    def delete(self, name: str, *, if_generation_match: int | None = None) -> None:
        """Raises ObjectMissing, PreconditionFailed."""
        ...
