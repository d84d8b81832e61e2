"""What the suites of Telegram bots share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.fake_telegram import FakeTelegram


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as server:
        yield server
