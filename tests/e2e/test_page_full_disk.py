"""The Status page while the disk is full, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from roost.clock import SystemClock, SystemIds
from tests.e2e.pages import visit
from tests.e2e.roost_process import RoostProcess
from tests.fakes.small_disk import mounted

pytestmark = pytest.mark.timeout(120)

PATIENCE_MS = 30_000


def test_a_full_disk_stands_on_the_status_page_until_it_has_room(tmp_path: Path, browser: Browser) -> None:
    with mounted(tmp_path / "disk", 64) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        with RoostProcess(disk.path / "data").start() as roost, roost.client() as client:
            with visit(browser, roost.base_url, "/status") as page:
                alert = page.get_by_role("alert")
                expect(page.get_by_role("status").filter(has_text="is ready")).to_be_visible()
                expect(alert).to_have_count(0)
                disk.leave(0)
                while client.post("/api/threads", json={"id": SystemIds(SystemClock()).new()}).is_success:
                    pass
                expect(alert).to_contain_text(
                    f"The disk of {disk.path / 'data'} is full: nothing new can be saved. Free some space;",
                    timeout=PATIENCE_MS,
                )
                disk.free()
                expect(alert).to_have_count(0, timeout=PATIENCE_MS)
            assert roost.terminate() == 0
