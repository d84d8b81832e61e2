"""`python -m roost`, and the `roost` command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from roost.cli.main import Entry, run

if TYPE_CHECKING:
    from roost.cli.reaching import Unserved
    from roost.settings import Settings
    from roost.storage.data_folder import DataFolder


def main() -> int:
    return run(sys.argv[1:], Entry(_serve, _open_folder))


def _serve() -> int:
    from roost.serving import serve

    return serve()


def _open_folder(settings: Settings, folder: DataFolder) -> Unserved:
    from roost.in_folder import OpenFolder
    from roost.log import configure

    # A person watches: what goes wrong is said by the command, and the log is for who looks for the cause.
    configure("DEBUG" if settings.log_level == "DEBUG" else "CRITICAL", as_json=False)
    return OpenFolder(settings, folder)


if __name__ == "__main__":
    sys.exit(main())
