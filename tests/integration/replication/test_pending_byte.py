"""The page that SQLite never uses, which databases beyond 1 GiB have a hole at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.pending_byte import CANNOT

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.timeout(120)
def test_a_database_is_shipped_and_restored_across_the_page_that_is_never_used(tmp_path: Path) -> None:
    """Log, checksums, snapshots, copies and restored files agree about it: grown over it in small and in
    large transactions, shrunk back behind it, vacuumed, and taken over by the next epoch.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.pending_byte", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'cloud' / 'backend'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    if done.stdout.strip() == CANNOT:
        pytest.skip("this Python's SQLite does not let its lock bytes be moved")
    assert done.returncode == 0, done.stderr
    # Without the hole are the first restored file, from before it, and one that was shrunk.
    assert json.loads(done.stdout.splitlines()[-1]) == {"restores": 9, "holes": 8, "rebases": 0}
