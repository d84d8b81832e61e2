"""Turns every requirements*.in into its hash-locked requirements*.txt.

    .venv/bin/python scripts/lock.py             lock, keeping the versions that are already locked
    .venv/bin/python scripts/lock.py --upgrade   lock the newest versions that the .in files allow
    .venv/bin/python scripts/lock.py --check     do the locks come from the .in files? Needs no network

Each lock begins with two sha256 sums: of the inputs it was made from and of its own body. The check compares
both, so it notices a changed .in file and a lock edited by hand, but not a newer release.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.11"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock. `constraints` are locks whose versions it must share."""

    name: str
    constraints: tuple[str, ...] = ()
    dependencies: bool = True

    @property
    def inputs(self) -> tuple[Path, ...]:
        names = (f"{self.name}.in", *(f"{name}.txt" for name in self.constraints))
        return tuple(REPOSITORY / name for name in names)

    @property
    def output(self) -> Path:
        return REPOSITORY / f"{self.name}.txt"


# In this order: a lock comes after its constraints.
LOCKS = (
    Lock("requirements"),
    Lock("requirements-dev", constraints=("requirements",)),
    Lock("requirements-model", constraints=("requirements",), dependencies=False),
    Lock("requirements-installer"),
    Lock("requirements-node"),
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def input_sum(lock: Lock) -> str:
    return sha256(b"\0".join(path.read_bytes() for path in lock.inputs))


def head(lock: Lock, body: str) -> str:
    return (
        f"# Locked from {lock.name}.in by scripts/lock.py: change that file and run it again.\n"
        f"# inputs sha256:{input_sum(lock)}\n"
        f"# body sha256:{sha256(body.encode())}\n"
    )


def body_of(locked: str) -> str:
    """What stands below the three lines of the head."""
    return locked.split("\n", 3)[3]


def resolve(lock: Lock, *, upgrade: bool) -> str:
    """The lock's body, for every platform and every Python since the oldest. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / lock.output.name
        if lock.output.exists():
            # uv keeps the versions that it finds in its output file.
            fresh.write_text(body_of(lock.output.read_text()))
        command = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
        ]
        command += ["--no-header", "--no-annotate", "--python-version", OLDEST_PYTHON]
        command += ["--output-file", str(fresh), f"{lock.name}.in"]
        for name in lock.constraints:
            command += ["--constraints", f"{name}.txt"]
        if not lock.dependencies:
            command.append("--no-deps")
        if upgrade:
            command.append("--upgrade")
        subprocess.run(command, cwd=REPOSITORY, check=True)
        return fresh.read_text()


def write(lock: Lock, *, upgrade: bool) -> None:
    body = resolve(lock, upgrade=upgrade)
    lock.output.write_text(head(lock, body) + body)
    print(f"{lock.output.name}: {body.count('==')} packages")


def complaint(lock: Lock) -> str | None:
    """Why the lock cannot be trusted, or None."""
    if not lock.output.exists():
        return f"{lock.output.name} is missing"
    locked = lock.output.read_text()
    if locked.count("\n") < 3 or not locked.startswith(head(lock, body_of(locked))):
        return f"{lock.output.name} does not come from {lock.name}.in as it stands"
    return None


def check() -> int:
    complaints = [text for text in map(complaint, LOCKS) if text]
    for text in complaints:
        print(f"{text}. Run .venv/bin/python scripts/lock.py.", file=sys.stderr)
    if not complaints:
        print(f"{len(LOCKS)} locks come from their .in files")
    return 1 if complaints else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Lock the requirements, with hashes.")
    parser.add_argument("--check", action="store_true", help="only compare, without the network")
    parser.add_argument("--upgrade", action="store_true", help="take newer versions")
    options = parser.parse_args()
    if options.check:
        return check()
    for lock in LOCKS:
        write(lock, upgrade=options.upgrade)
    return 0


if __name__ == "__main__":
    sys.exit(main())
