"""The data folder: one process at a time, and files that cannot be used are told before anything starts."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from roost.errors import DatabaseUnreadable, SchemaTooNew, SettingsError
from roost.storage import data_folder
from roost.storage.data_folder import DataFolder

SOURCE_ROOT = Path(data_folder.__file__).parents[2]
HOLDER = """
import sys; from pathlib import Path; from roost.storage.data_folder import DataFolder
folder = DataFolder(Path(sys.argv[1])); folder.take(); print("held", flush=True); sys.stdin.read()
"""


def test_a_second_process_is_refused_while_the_first_lives_and_welcome_after_its_kill(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=SOURCE_ROOT,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SettingsError, match="Another Roost is using"):
            DataFolder(tmp_path, wait_s=0.2).take()
        holder.kill()
        with DataFolder(tmp_path):
            assert (tmp_path / "roost.lock").exists()


def test_a_folder_that_cannot_be_made_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="Make it a folder"):
        DataFolder(tmp_path / "file" / "data").take()


@pytest.mark.parametrize("name", ["bot_configs", "conversations"])
def test_files_that_must_not_be_lost_are_refused_and_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.db"
    path.write_bytes(b"no database at all, but long enough to be read as a header" * 50)
    with pytest.raises(DatabaseUnreadable, match=name):
        DataFolder(tmp_path).inspect()
    assert path.exists()
    path.unlink()
    with sqlite3.connect(path) as driver:
        driver.execute("PRAGMA user_version=999")
    with pytest.raises(SchemaTooNew, match=name):
        DataFolder(tmp_path).inspect()


def test_a_damaged_cache_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "knowledge.db").write_bytes(
        b"no database at all, but long enough to be read as a header" * 50
    )
    DataFolder(tmp_path).inspect()
    assert not (tmp_path / "knowledge.db").exists()
    assert (tmp_path / "knowledge.db.damaged").exists()
