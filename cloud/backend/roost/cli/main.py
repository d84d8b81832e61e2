"""The `roost` command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

USAGE = "usage: roost serve"


def run(arguments: Sequence[str], serve: Callable[[], int]) -> int:
    """The exit code: 0 done, 1 refused, 2 misused."""
    if list(arguments) == ["serve"]:
        return serve()
    if list(arguments) in (["--help"], ["-h"]):
        print(USAGE)
        return 0
    print(USAGE, file=sys.stderr)
    return 2
