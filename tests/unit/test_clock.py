"""Ids and times."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from roost.clock import SystemIds, parse_timestamp, timestamp, uuid7


def test_uuid7_is_the_example_of_rfc_9562() -> None:
    # Appendix A.6: unix_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    tail = (0xCC3 << 68) | 0x18C4DC0C0C07398F
    assert uuid7(0x017F22E279B0, tail.to_bytes(10, "big")) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_uuid7_orders_by_time() -> None:
    earlier, later = uuid7(1_000, b"\xff" * 10), uuid7(1_001, b"\x00" * 10)
    assert earlier < later
    assert UUID(later).version == 7


def test_ids_rise_within_a_millisecond_and_while_the_clock_runs_back() -> None:
    class Wayward:
        at = datetime(2030, 5, 1, 12, tzinfo=UTC)

        def now(self) -> datetime:
            return self.at

        def monotonic_s(self) -> float:
            return 0.0

    clock = Wayward()
    ids = SystemIds(clock)
    made = [ids.new() for _ in range(1000)]
    clock.at -= timedelta(hours=1)
    made += [ids.new() for _ in range(1000)]
    clock.at += timedelta(hours=2)
    made.append(ids.new())
    assert made == sorted(set(made))
    assert all((UUID(each).version, UUID(each).variant) == (7, "specified in RFC 4122") for each in made)


def test_timestamps_are_utc_and_sort_as_text() -> None:
    east = datetime(2030, 5, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(east) == "2030-05-01T10:00:00.000Z"
    assert parse_timestamp("2030-05-01T10:00:00.000Z") == datetime(2030, 5, 1, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time zone"):
        parse_timestamp("2030-05-01T10:00:00")
