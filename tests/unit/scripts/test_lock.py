import dataclasses
from pathlib import Path

import pytest

from scripts.lock import Lock, complaint, head


@dataclasses.dataclass(frozen=True, slots=True)
class LockIn(Lock):
    """A lock whose files lie in `folder`."""

    folder: Path = Path()

    @property
    def inputs(self) -> tuple[Path, ...]:
        return (self.folder / f"{self.name}.in",)

    @property
    def output(self) -> Path:
        return self.folder / f"{self.name}.txt"


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    made = LockIn("packages", folder=tmp_path)
    made.inputs[0].write_text("flask\n")
    made.output.write_text(head(made, "flask==3.1.3\n") + "flask==3.1.3\n")
    return made


def test_a_lock_that_comes_from_its_input_is_accepted(lock: Lock) -> None:
    assert complaint(lock) is None


def test_a_changed_input_is_noticed(lock: Lock) -> None:
    lock.inputs[0].write_text("flask\nhttpx\n")
    assert complaint(lock) == "packages.txt does not come from packages.in as it stands"


def test_a_lock_edited_by_hand_is_noticed(lock: Lock) -> None:
    lock.output.write_text(lock.output.read_text().replace("3.1.3", "3.1.2"))
    assert complaint(lock) == "packages.txt does not come from packages.in as it stands"


@pytest.mark.parametrize("content", ["", "flask==3.1.3\n"])
def test_a_lock_without_its_head_is_noticed(lock: Lock, content: str) -> None:
    lock.output.write_text(content)
    assert complaint(lock) is not None


def test_a_missing_lock_is_noticed(lock: Lock) -> None:
    lock.output.unlink()
    assert complaint(lock) == "packages.txt is missing"
