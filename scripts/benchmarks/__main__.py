"""`scripts/bench NAME …` prints the named benchmarks' tables; without a name, all of them in turn."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "start",
    "memory",
    "telegram",
    "discord",
    "both",
    "written",
    "http",
    "kill",
    "bucket",
    "replication",
    "litestream",
    "handover",
    "crawl",
    "index",
    "insights",
)


def main(arguments: list[str]) -> int:
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in arguments or NAMES:
        print(importlib.import_module(f"scripts.benchmarks.{name}").run(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
