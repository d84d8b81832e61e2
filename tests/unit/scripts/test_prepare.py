from pathlib import Path

import pytest

from scripts.prepare import room_for, sum_of

REPOSITORY = Path(__file__).parents[3]


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with room_for(target) as folder:
        (folder / "weights").write_text("new")
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (target / "weights").read_text() == "new"


def test_a_folder_that_failed_halfway_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("old")

    def make_half() -> None:
        with room_for(target) as folder:
            (folder / "weights").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_half()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (target / "weights").read_text() == "old"


def test_a_complete_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale").write_text("old")
    with room_for(target) as folder:
        (folder / "weights").write_text("new")
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_run_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".model-abandoned").mkdir()
    (tmp_path / ".model-abandoned" / "half").write_text("x")
    with room_for(tmp_path / "model"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_sum_changes_with_the_set_of_files() -> None:
    assert sum_of(REPOSITORY / "LICENSE") != sum_of(REPOSITORY / "LICENSE", REPOSITORY / "pyproject.toml")
