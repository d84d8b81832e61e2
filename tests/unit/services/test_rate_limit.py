from __future__ import annotations

from roost.services.rate_limit import SUBJECTS_REMEMBERED, RateLimit
from tests.fakes.installation import SteppedClock


def test_so_often_in_a_window_that_slides() -> None:
    clock = SteppedClock()
    limit = RateLimit(clock, 2, 60)
    assert limit.wait_s("anna") == 0
    clock.step(20)
    assert limit.wait_s("anna") == 0
    clock.step(10)
    assert limit.wait_s("anna") == 30
    assert limit.wait_s("boris") == 0
    clock.step(30)
    assert limit.wait_s("anna") == 0
    assert limit.wait_s("anna") == 20


def test_many_subjects_take_no_more_room() -> None:
    limit = RateLimit(SteppedClock(), 1, 60)
    for number in range(SUBJECTS_REMEMBERED + 1):
        assert limit.wait_s(str(number)) == 0
    assert limit.wait_s("0") == 0
    assert limit.wait_s(str(SUBJECTS_REMEMBERED)) > 0
