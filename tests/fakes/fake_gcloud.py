#!/usr/bin/env python3
"""Stands in for gcloud on PATH: notes every call, remembers what was made, and answers questions by that.

State lies in the folder FAKE_GCLOUD. Knows what deploy.sh and teardown.sh ask for and no more.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_GCLOUD"])
MADE = STATE / "made.json"
CALLS = STATE / "calls.jsonl"


def main(arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    made: list[str] = json.loads(MADE.read_text()) if MADE.exists() else []
    sent = sys.stdin.read() if "--data-file=-" in arguments else ""
    with CALLS.open("a") as calls:
        calls.write(json.dumps({"arguments": arguments, "stdin": sent}) + "\n")
    taken = os.environ.get("FAKE_GCLOUD_TAKEN", "")
    for verb in ("describe", "create", "delete"):
        if verb in words:
            at = words.index(verb)
            thing = " ".join([*words[:at], words[at + 1].split("@")[0]])
            break
    else:
        if words[:3] == ["secrets", "versions", "list"] and f"version {words[3]}" in made:
            sys.stdout.write("1\n")
        if words[:3] == ["secrets", "versions", "add"]:
            MADE.write_text(json.dumps([*made, f"version {words[3]}"]))
        return 0
    if verb == "describe":
        if words[0] == "projects":
            sys.stdout.write("123456789\n")
            return 0
        return 0 if thing in made else 1
    if verb == "create":
        if thing in made or (taken and thing.endswith(taken)):
            sys.stderr.write(f"ERROR: {thing} exists already\n")
            return 1
        MADE.write_text(json.dumps([*made, thing]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
