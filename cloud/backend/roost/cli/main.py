"""The `roost` command: what was typed, turned into one noun's function and an exit code.

Imports little, for `roost --help` must not keep anybody waiting; a command loads what it needs.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost import __version__
from roost.cli import ask, backup, bots, doctor, secret_key, sign_in, sources, status, workspace
from roost.cli.command import DONE, MISUSED, REFUSED, Command, Noun
from roost.cli.terminal import Streams, Terminal
from roost.errors import RoostError

if TYPE_CHECKING:
    from roost.cli.connection import Connection
    from roost.cli.reaching import OpenFolder
    from roost.services.backup_history import BackupHistory
    from roost.settings import Settings

INTERRUPTED = 130
NOUNS: tuple[Noun, ...] = (
    doctor.add,
    status.add,
    bots.add,
    sources.add,
    ask.add,
    sign_in.add,
    secret_key.add,
    backup.add,
    workspace.add,
)
EPILOG = """\
A command speaks to the server that uses DATA_DIR; where none runs, it opens the
folder itself. --server URL (or ROOST_SERVER) with ROOST_API_KEY speaks to a
Roost on another machine.

exit codes: 0 done, 1 refused, 2 misused"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the command line cannot make itself: the server, and a data folder or a bucket without one."""

    serve: Callable[[], int]
    open_folder: OpenFolder
    open_history: Callable[[Settings], BackupHistory]


def run(
    arguments: Sequence[str],
    entry: Entry,
    environ: Callable[[], Mapping[str, str]] | None = None,
    streams: Streams | None = None,
) -> int:
    """The exit code: 0 done, 1 refused, 2 misused. `environ` and `streams`: the process's own by default."""
    streams = streams or Streams.of_process()
    try:
        options = parser().parse_args(list(arguments))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else MISUSED
    if options.run is None:
        return entry.serve()
    try:
        return _run(options, entry, environ, streams)
    except KeyboardInterrupt:
        streams.stderr.write("\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not stumble over it at its end.
        _silence(streams)
        return DONE


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("everywhere")
    group.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON"
    )
    group.add_argument(
        "--server", metavar="URL", default=argparse.SUPPRESS, help="speak to this Roost, with ROOST_API_KEY"
    )
    root = argparse.ArgumentParser(
        prog="roost",
        description="Runs people's chat bots and never forgets.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"roost {__version__}")
    nouns = root.add_subparsers(title="commands", metavar="command", required=True)
    serving = nouns.add_parser("serve", help="run the server until it is stopped")
    serving.set_defaults(run=None)
    for add in NOUNS:
        add(nouns, common)
    return root


def _run(
    options: argparse.Namespace,
    entry: Entry,
    environ: Callable[[], Mapping[str, str]] | None,
    streams: Streams,
) -> int:
    from roost.settings import read_environment

    values = (environ or read_environment)()
    terminal = Terminal(streams, values, as_json=getattr(options, "json", False))
    server = getattr(options, "server", None) or values.get("ROOST_SERVER") or None

    @contextmanager
    def connect() -> Iterator[Connection]:
        from roost.cli.reaching import Place, reach

        with reach(
            Place(server, values.get("ROOST_API_KEY"), values), entry.open_folder, terminal.note
        ) as it:
            yield it

    try:
        code: int | None = options.run(
            Command(options, terminal, values, server, connect, entry.open_history)
        )
        streams.stdout.flush()
    except RoostError as error:
        terminal.fail(error)
        return REFUSED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        terminal.fail(_about_a_file(error))
        return REFUSED
    except Exception as error:  # the edge of the process - a sentence, never a traceback
        logging.getLogger("roost.cli").debug("A command failed", exc_info=True)
        terminal.fail(
            RoostError(
                f"Something went wrong inside Roost ({type(error).__name__}). "
                "Do it again with LOG_LEVEL=DEBUG to see where, and report that."
            )
        )
        return REFUSED
    return DONE if code is None else code


def _about_a_file(error: OSError) -> RoostError:
    place = f"{error.filename}: " if error.filename else ""
    return RoostError(
        f"{place}{error.strerror or type(error).__name__}. Check the path and its permissions.", code="file"
    )


def _silence(streams: Streams) -> None:
    if streams.stdout is sys.stdout:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
