"""`scripts/soak [--minutes N | --hours N] [--seed S] [--round-s N]`: exit code 1 on a mismatch."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.soak.soak import report, round_on

KINDS = ("folder", "gcs")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    lasting = parser.add_mutually_exclusive_group()
    lasting.add_argument("--minutes", type=float, default=2.0)
    lasting.add_argument("--hours", type=float)
    parser.add_argument("--seed", type=int, help="of the first round; each further one counts up")
    parser.add_argument("--round-s", type=float, default=75.0, help="a round has a new bucket and new disks")
    parser.add_argument("--only", choices=KINDS, help="the kind of bucket; otherwise they take turns")
    chosen = parser.parse_args(arguments)
    lasting_s = chosen.hours * 3600 if chosen.hours else chosen.minutes * 60
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(10**9)
    say(f"seed {seed}")
    began_s, counted, mismatches, number = time.monotonic(), Counter[str](), list[str](), 0
    while not mismatches and (left_s := lasting_s - (time.monotonic() - began_s)) > 0:
        root = Path(tempfile.mkdtemp(prefix="roost-soak-"))
        kind = chosen.only or KINDS[(seed + number) % 2]
        with round_on(kind, seed + number, root / "round") as made:
            made.run(min(chosen.round_s, left_s))
        counted += made.counted
        mismatches += made.mismatches
        counted["rounds"] += 1
        what = ", ".join(made.mismatches) or "no mismatch"
        say(f"seed {seed + number} on {kind}: {what}")
        if mismatches:
            say(f"everything is kept in {root}")
        else:
            shutil.rmtree(root)
        number += 1
    say(report(seed, time.monotonic() - began_s, counted, mismatches))
    return 1 if mismatches else 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
