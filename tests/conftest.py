"""What every suite shares: markers by folder, and the browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.prepare import find_browser

TESTS = Path(__file__).parent


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
