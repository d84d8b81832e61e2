"""`python -m roost`, and the `roost` command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from roost.cli.main import Entry, run
from roost.standard_streams import open_closed_streams

if TYPE_CHECKING:
    from roost.cli.reaching import Unserved
    from roost.services.backup_history import BackupHistory
    from roost.settings import Settings
    from roost.storage.data_folder import DataFolder


def main() -> int:
    open_closed_streams()
    return run(sys.argv[1:], Entry(_serve, _open_folder, _open_history))


def _serve() -> int:
    from roost.serving import serve

    return serve()


def _open_folder(settings: Settings, folder: DataFolder) -> Unserved:
    from roost.in_folder import OpenFolder
    from roost.log import configure

    # A person watches: what goes wrong is said by the command, and the log is for who looks for the cause.
    configure("DEBUG" if settings.log_level == "DEBUG" else "CRITICAL", as_json=False)
    return OpenFolder(settings, folder)


def _open_history(settings: Settings) -> BackupHistory:
    from roost.in_bucket import open_history
    from roost.log import configure

    configure("DEBUG" if settings.log_level == "DEBUG" else "CRITICAL", as_json=False)
    return open_history(settings)


if __name__ == "__main__":
    sys.exit(main())
