"""The objects of the log: what transactions changed, packed, and the marks that end an epoch.

zstd over: the header's length (4 bytes, big endian), the header as JSON, the page images in the header's
order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from roost.clock import parse_timestamp, timestamp
from roost.domain.replication import PageState
from roost.replication.layout import SHA256
from roost.replication.layout import segment as segment_name

VERSION = 1
LEVEL = 3
LARGEST_BYTES = 256 * 1024 * 1024
"""No segment is unpacked beyond this; those that are written stay far below it."""

AT = "ts"
KIND = "kind"


class Kind(StrEnum):
    DATA = "DATA"
    SEAL = "SEAL"
    """Whoever took over ended the epoch."""

    CLEAN_END = "CLEAN_END"
    """Its holder did."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Behind that segment; seq 0 is an epoch's beginning."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class PageChange:
    """One database: it shrank to `floor` pages in between, has `pages` in the end, and these images were
    written.
    """

    floor: int
    pages: int
    images: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Segment:
    """`states` has every database after this segment. While `more` is True its changes wait for the segments
    that follow, up to one where it is False: they hold together, or not at all. `rebased` names snapshots
    that take a database's place here, for what led to them could not be told.
    """

    kind: Kind
    epoch: int
    seq: int
    at: datetime
    prev_sha256: str
    states: Mapping[str, PageState]
    changes: Mapping[str, PageChange] = field(default_factory=dict)
    more: bool = False
    rebased: Mapping[str, str] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class PackedSegment:
    """An object, as it is to be put."""

    name: str
    content: bytes
    sha256: str
    metadata: Mapping[str, str]


def pack(segment: Segment) -> PackedSegment:
    import zstandard

    header = json.dumps(
        {
            "v": VERSION,
            "kind": segment.kind,
            "epoch": segment.epoch,
            "seq": segment.seq,
            "ts": timestamp(segment.at),
            "prev_sha256": segment.prev_sha256,
            "more": segment.more,
            "states": {name: state_fields(state) for name, state in segment.states.items()},
            "changes": {
                name: {"floor": change.floor, "pages": change.pages, "numbers": list(change.images)}
                for name, change in segment.changes.items()
            },
            "rebased": dict(segment.rebased),
        },
        separators=(",", ":"),
    ).encode()
    images = (image for change in segment.changes.values() for image in change.images.values())
    raw = b"".join([len(header).to_bytes(4, "big"), header, *images])
    content = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False).compress(raw)
    sha256 = hashlib.sha256(content).hexdigest()
    return PackedSegment(
        segment_name(segment.epoch, segment.seq),
        content,
        sha256,
        {SHA256: sha256, AT: timestamp(segment.at), KIND: str(segment.kind)},
    )


def unpack(content: bytes) -> Segment:
    """Raises ValueError for what is no segment."""
    import zstandard

    try:
        if not 0 <= zstandard.frame_content_size(content) <= LARGEST_BYTES:
            raise ValueError("too large for a segment")
        raw = memoryview(zstandard.ZstdDecompressor().decompress(content))
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    start = 4 + int.from_bytes(raw[:4], "big")
    try:
        header: dict[str, Any] = json.loads(bytes(raw[4:start]))
        if header["v"] != VERSION:
            raise ValueError(f"a segment of version {header['v']}: a newer Roost wrote it")
        states = {str(name): parse_state(fields) for name, fields in header["states"].items()}
        changes = {}
        for name, change in header["changes"].items():
            numbers, size = change["numbers"], states[name].page_size
            end = start + size * len(numbers)
            if end > len(raw):
                raise ValueError("the images are cut off")
            images = {
                int(number): bytes(raw[at : at + size])
                for number, at in zip(numbers, range(start, end, size), strict=True)
            }
            changes[str(name)] = PageChange(int(change["floor"]), int(change["pages"]), images)
            start = end
        return Segment(
            Kind(header["kind"]),
            int(header["epoch"]),
            int(header["seq"]),
            parse_timestamp(header["ts"]),
            str(header["prev_sha256"]),
            states,
            changes,
            bool(header["more"]),
            {str(name): str(snapshot) for name, snapshot in header["rebased"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a segment ({error!r})") from error


def state_fields(state: PageState) -> dict[str, Any]:
    return {"checksum": f"{state.checksum:016x}", "pages": state.pages, "page_size": state.page_size}


def parse_state(fields: Mapping[str, Any]) -> PageState:
    """Raises KeyError, TypeError, ValueError."""
    return PageState(int(fields["checksum"], 16), int(fields["pages"]), int(fields["page_size"]))
