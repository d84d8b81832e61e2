"""What every suite shares: markers by folder, and the browser."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scripts.prepare import find_browser

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """What is started here hears Ctrl+C and a terminal that closes, even if whoever runs the tests does not.

    A process under nohup, or in a script's background, hands its deafness on to every process it starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """tests/integration and tests/e2e carry their markers, so that no test can forget its own."""
    for item in items:
        suite = item.path.relative_to(TESTS).parts[0]
        if suite in ("integration", "e2e"):
            item.add_marker(suite)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The full path of a chromium. Without one the test is skipped on a person's machine and fails in CI."""
    path = find_browser()
    if path:
        return path
    reason = "no chromium on PATH"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
