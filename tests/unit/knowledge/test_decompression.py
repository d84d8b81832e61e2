"""Bodies that are packed to do harm; the usual packings are read in test_fetcher."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from roost.errors import RemoteRejected
from roost.knowledge.decompression import gunzip, inflate

LIMIT_BYTES = 100_000
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"


def test_packing_without_end_that_holds_nothing_is_left_at_the_cap() -> None:
    taken = 0

    def parts() -> Iterator[bytes]:
        nonlocal taken
        packer = zlib.compressobj(wbits=31)
        yield packer.compress(b"a") + packer.flush(zlib.Z_SYNC_FLUSH)
        while taken < 1_000:
            taken += 1
            yield EMPTY_BLOCK * 1_000
        raise AssertionError("it was read to its end")

    assert inflate(parts(), "gzip", LIMIT_BYTES) == (b"a", True)
    assert taken <= LIMIT_BYTES // 5_000 + 1


def test_a_bomb_within_a_bomb_stays_packed() -> None:
    inner = gzip.compress(b"a" * 50_000_000)
    body, cut = gunzip(gzip.compress(inner), LIMIT_BYTES)
    assert (body, cut) == (inner, False)
    assert gunzip(inner, LIMIT_BYTES) == (b"a" * LIMIT_BYTES, True)


def test_packings_one_behind_the_other_share_the_cap() -> None:
    one = gzip.compress(b"a" * 40_000)
    assert inflate([one, one], "gzip", LIMIT_BYTES) == (b"a" * 80_000, False)
    assert inflate([one + one + one], "gzip", LIMIT_BYTES) == (b"a" * LIMIT_BYTES, True)


def test_a_bomb_is_unpacked_no_further_than_the_cap() -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    tracemalloc.start()
    body, cut = inflate([bomb], "gzip", LIMIT_BYTES)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(body), cut) == (LIMIT_BYTES, True)
    assert peak_bytes < 5_000_000


def test_what_follows_the_packed_body_is_no_part_of_it() -> None:
    packed = gzip.compress(b"a")
    assert inflate([packed + b"tail"], "gzip", LIMIT_BYTES) == (b"a", False)
    assert inflate([packed, b"tail"], "gzip", LIMIT_BYTES) == (b"a", False)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip,br"])
def test_a_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(RemoteRejected) as refusal:
        inflate([gzip.compress(b"a")], encoding, LIMIT_BYTES)
    assert refusal.value.code == "encoding"
