"""`roost serve`; without a command, says what there is."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 refused, 2 misused."""
    from roost.bootstrap import serve

    words = sys.argv[1:] if arguments is None else arguments
    if words == ["serve"]:
        return serve()
    print("usage: roost serve", file=sys.stderr)
    return 2
