"""A short turn of `scripts/soak`: several writers on one bucket, killed, stopped, resumed and cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.soak import report, round_on

LASTING_S = 30.0


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "seed"), [("folder", 1), ("gcs", 2)])
def test_whatever_befalls_writers_and_bucket_nothing_durable_is_lost(
    kind: str, seed: int, tmp_path: Path
) -> None:
    with round_on(kind, seed, tmp_path / "round") as made:
        made.run(LASTING_S)
    told = report(seed, LASTING_S, made.counted, made.mismatches)
    assert made.mismatches == [], told
    assert made.counted["takeovers"] > 0, told
    assert made.counted["acknowledged"] > 0, told
    assert made.counted["restores"] > 0, told
