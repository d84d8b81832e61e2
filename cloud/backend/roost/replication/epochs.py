"""The epochs of the log: one for each time somebody held the lease, each with a document that begins it.

A number whose holder ended before it wrote its document is closed by a tombstone, so that it can never begin
late.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roost.clock import parse_timestamp, timestamp
from roost.domain.replication import PageState
from roost.errors import BucketUnreachable, ObjectDamaged, ObjectMissing, PreconditionFailed
from roost.replication.layout import EPOCHS, SHA256, epoch_document
from roost.replication.object_store import ABSENT, ObjectStat, ObjectStore

ATTEMPTS = 3
FEW = 4
"""Epochs that are read one by one: a takeover of a disk that was there lately goes back no further."""
FETCHED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class EpochDocument:
    """How an epoch began.

    `base` has the state of each database that is in it; `base_snapshots` names the snapshot that holds this
    state, None where the log before leads to it. `prev_last_seq` is the number of the object that ended
    `prev_epoch`'s log. `owner` is the data folder's id.
    """

    epoch: int
    prev_epoch: int | None
    prev_last_seq: int
    base: Mapping[str, PageState]
    base_snapshots: Mapping[str, str | None]
    owner: str
    instance: str
    revision: str
    created: datetime

    def to_bytes(self) -> bytes:
        """Equal documents give equal bytes."""
        return _json(
            {
                "epoch": self.epoch,
                "prev_epoch": self.prev_epoch,
                "prev_last_seq": self.prev_last_seq,
                "base": {
                    name: {
                        "checksum": f"{state.checksum:016x}",
                        "pages": state.pages,
                        "page_size": state.page_size,
                    }
                    for name, state in self.base.items()
                },
                "base_snapshots": dict(self.base_snapshots),
                "owner": self.owner,
                "instance": self.instance,
                "revision": self.revision,
                "created": timestamp(self.created),
            }
        )

    @property
    def sha256(self) -> str:
        """Of the object: what the epoch's first segment names as its predecessor."""
        return _sha256(self.to_bytes())


def parse_epoch(content: bytes) -> EpochDocument | None:
    """None for a tombstone. Raises ValueError for what is neither."""
    try:
        stored: dict[str, Any] = json.loads(content)
        if stored.get("void"):
            return None
        return EpochDocument(
            epoch=int(stored["epoch"]),
            prev_epoch=None if stored["prev_epoch"] is None else int(stored["prev_epoch"]),
            prev_last_seq=int(stored["prev_last_seq"]),
            base={
                str(name): PageState(int(state["checksum"], 16), int(state["pages"]), int(state["page_size"]))
                for name, state in stored["base"].items()
            },
            base_snapshots=dict(stored["base_snapshots"]),
            owner=str(stored["owner"]),
            instance=str(stored["instance"]),
            revision=str(stored["revision"]),
            created=parse_timestamp(stored["created"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the document of an epoch ({error!r})") from error


class Epochs:
    """The documents there were when this was constructed. Each is fetched when it is first asked for."""

    def __init__(self, store: ObjectStore) -> None:
        """Raises what the store raises."""
        self._store = store
        self._known: dict[int, EpochDocument | None] = {}
        self._listed = dict(_listed(store))

    def __contains__(self, epoch: int) -> bool:
        """Whether it began, or was closed."""
        return epoch in self._listed

    @property
    def newest(self) -> EpochDocument | None:
        """The last that began; None when none ever did. Raises ObjectDamaged."""
        for number in sorted(self._listed, reverse=True):
            document = self.find(number)
            if document is not None:
                return document
        return None

    def find(self, epoch: int) -> EpochDocument | None:
        """None for one that never began, and one that is not kept any more. Raises ObjectDamaged."""
        if epoch not in self._listed:
            return None
        if epoch not in self._known:
            self._known[epoch] = self._fetch(epoch, self._listed[epoch])
        return self._known[epoch]

    def backwards(self) -> Iterator[EpochDocument]:
        """Those that lead to the newest, newest first, as far back as they are kept. What is not among them
        was never followed by anything. Raises ObjectDamaged.
        """
        document = self.newest
        for told in itertools.count(1):
            if document is None:
                return
            yield document
            if told == FEW:
                self._fetch_others()
            earlier = document.prev_epoch
            document = self.find(earlier) if earlier is not None and earlier < document.epoch else None

    def after(self, epoch: int) -> EpochDocument | None:
        """The one that followed this one. Raises ObjectDamaged."""
        return next((document for document in self.backwards() if document.prev_epoch == epoch), None)

    def missing(self) -> int | None:
        """The epoch whose document somebody took from between others, so that nothing before it can be had
        until it is put back. Documents that are not kept any more go oldest first. Raises ObjectDamaged.
        """
        oldest = list(self.backwards())[-1:]
        earlier = oldest[0].prev_epoch if oldest else None
        if earlier is None:
            return None
        return earlier if any(self.find(number) for number in self._listed if number < earlier) else None

    def _fetch_others(self) -> None:
        """Many at a time: one after the other, a year of restarts takes a minute over a network."""

        def find(epoch: int) -> None:
            # What cannot be read now is tried again, and told, by whoever needs it.
            with suppress(ObjectDamaged, BucketUnreachable):
                self.find(epoch)

        with ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="epochs") as pool:
            for _ in pool.map(find, self._listed):
                pass

    def _fetch(self, epoch: int, listed: ObjectStat) -> EpochDocument | None:
        if listed.metadata.get(SHA256) == _sha256(_tombstone(epoch)):
            # Crash loops leave many, of which none need be read.
            return None
        try:
            return _parsed(self._store, listed.name, _read(self._store, listed.name, listed))
        except ObjectMissing:
            return None


def _listed(store: ObjectStore) -> Iterator[tuple[int, ObjectStat]]:
    token: str | None = None
    while True:
        page = store.list(EPOCHS, page_token=token)
        for item in page.items:
            number = item.name.removeprefix(EPOCHS).removesuffix(".json")
            if number.isdecimal() and item.name == epoch_document(int(number)):
                yield int(number), item
        token = page.next_page_token
        if token is None:
            return


def begin_epoch(store: ObjectStore, document: EpochDocument) -> bool:
    """False when the number was closed before: somebody else holds the lease. May be repeated."""
    content = document.to_bytes()
    return _create(store, epoch_document(document.epoch), content) == content


def close_number(store: ObjectStore, epoch: int) -> bool:
    """Makes an epoch that has not begun impossible; False when it has begun after all."""
    name = epoch_document(epoch)
    return _parsed(store, name, _create(store, name, _tombstone(epoch))) is None


def _tombstone(epoch: int) -> bytes:
    return _json({"epoch": epoch, "void": True})


def _create(store: ObjectStore, name: str, content: bytes) -> bytes:
    """What the object holds now: this, or what was there before."""
    try:
        store.put(name, content, if_generation_match=ABSENT, metadata={SHA256: _sha256(content)})
    except PreconditionFailed:
        # Perhaps our own attempt, whose answer was lost: its content tells.
        return _read(store, name, None)
    return content


def _read(store: ObjectStore, name: str, stat: ObjectStat | None) -> bytes:
    """Raises ObjectDamaged for what is not what was put there."""
    for _ in range(ATTEMPTS):
        stat = stat or store.stat(name)
        content = store.get(name)
        sha256 = _sha256(content)
        # One that a person put back by hand has no metadata.
        if stat.metadata.get(SHA256, sha256) == sha256:
            return content
        # Perhaps somebody has just put a good copy in its place.
        stat = None
    raise _damaged(store, name, "its checksum differs")


def _parsed(store: ObjectStore, name: str, content: bytes) -> EpochDocument | None:
    try:
        return parse_epoch(content)
    except ValueError as error:
        raise _damaged(store, name, "it is not the document of an epoch") from error


def _damaged(store: ObjectStore, name: str, why: str) -> ObjectDamaged:
    return ObjectDamaged(
        f"{name} in {store.place} is damaged: {why}. Put a good copy in its place, from an older generation "
        "of the bucket if it keeps any."
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
