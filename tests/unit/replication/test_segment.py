"""What is packed comes back; what is not a segment is refused."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
import zstandard

from roost.domain.replication import PageState
from roost.replication.segment import Kind, PageChange, Segment, pack, unpack

AT = datetime(2026, 11, 21, 4, 5, 6, 789_000, tzinfo=UTC)
STATES = {"conversations": PageState(2**64 - 1, 9, 4096), "bot_configs": PageState(0, 3, 512)}


def segment() -> Segment:
    rng = random.Random(1)
    changes = {
        "conversations": PageChange(7, 9, {1: rng.randbytes(4096), 9: rng.randbytes(4096)}),
        "bot_configs": PageChange(3, 3, {2: rng.randbytes(512)}),
    }
    return Segment(Kind.DATA, 3, 14, AT, "ab" * 32, STATES, changes, True, {"conversations": "v1/snap/x"})


def test_a_segment_comes_back() -> None:
    packed = pack(segment())
    assert packed.name == "v1/log/00000003/000000000014.seg"
    assert unpack(packed.content) == segment()
    assert packed.metadata == {"sha256": packed.sha256, "ts": "2026-11-21T04:05:06.789Z", "kind": "DATA"}


def test_equal_segments_are_equal_objects() -> None:
    assert pack(segment()).content == pack(segment()).content


@pytest.mark.parametrize("kind", [Kind.SEAL, Kind.CLEAN_END])
def test_the_marks_that_end_an_epoch_carry_no_pages(kind: Kind) -> None:
    mark = Segment(kind, 1, 1, AT, "", STATES)
    assert unpack(pack(mark).content) == mark
    assert len(pack(mark).content) < 1000


def test_whatever_else_it_is_no_segment() -> None:
    content = pack(segment()).content
    compress = zstandard.ZstdCompressor().compress
    raw = zstandard.ZstdDecompressor().decompress(content)
    hostile = [
        b"",
        b"garbage",
        content[:-10],
        content[:10],
        compress(b""),
        compress(b"\xff\xff\xff\xff"),
        compress(b"\x00\x00\x00\x02{}"),
        compress(b"\x00\x00\x00\x02[]"),
        compress(raw[:-1]),
        compress(raw.replace(b'"v":1', b'"v":9')),
        compress(raw.replace(b'"kind":"DATA"', b'"kind":"NEWS"')),
        compress(raw.replace(b'"checksum":"ffff', b'"checksum":"zzzz')),
        compress(bytes(300 * 1024 * 1024)),
    ]
    for each in hostile:
        with pytest.raises(ValueError, match=r"\w"):
            unpack(each)
