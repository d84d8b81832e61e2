"""`services.images.ImageObjects` in the bucket: `images/<sha256>.<ending>`, created once and never changed.

Nothing collects them: an earlier moment that somebody restores may name any of them.
"""

from __future__ import annotations

from roost.errors import ObjectMissing, PreconditionFailed
from roost.replication.layout import SHA256, image
from roost.replication.object_store import ABSENT, ObjectStore


class BucketImages:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, name: str, content: bytes) -> None:
        try:
            self._store.put(
                image(name),
                content,
                if_generation_match=ABSENT,
                metadata={SHA256: name.partition(".")[0]},
            )
        except PreconditionFailed:
            # Its name is its content: whoever put it there put this.
            return

    def has(self, name: str) -> bool:
        try:
            self._store.stat(image(name))
        except ObjectMissing:
            return False
        return True

    def get(self, name: str) -> bytes | None:
        try:
            return self._store.get(image(name))
        except ObjectMissing:
            return None
