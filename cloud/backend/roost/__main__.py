"""`python -m roost`, and the `roost` command."""

import sys

from roost.cli.main import run
from roost.serving import serve


def main() -> int:
    return run(sys.argv[1:], serve)


if __name__ == "__main__":
    sys.exit(main())
