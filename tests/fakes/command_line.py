"""The `roost` command in this process: the real parser, connections and refusals, a test's streams."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roost.cli.main import Entry, run
from roost.cli.terminal import Streams
from roost.in_bucket import open_history
from roost.in_folder import OpenFolder


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """`environ` is all the environment there is."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def __call__(self, *arguments: str, stdin: str = "") -> Done:
        out, err = io.StringIO(), io.StringIO()
        entry = Entry(_no_server, OpenFolder, open_history)
        code = run(arguments, entry, lambda: self._environ, Streams(io.StringIO(stdin), out, err))
        return Done(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: str, stdin: str = "") -> Any:
        """The JSON of a command that must succeed."""
        done = self(*arguments, "--json", stdin=stdin)
        assert done.code == 0, done
        return done.json

    def refused(self, *arguments: str, stdin: str = "") -> str:
        """The sentence of a command that must be refused: one line, exit code 1."""
        done = self(*arguments, stdin=stdin)
        assert done.code == 1, done
        assert done.err.startswith("roost: ")
        assert len(done.err.splitlines()) == 1, done.err
        return done.err.removeprefix("roost: ").strip()


def _no_server() -> int:
    raise AssertionError("no test serves from here")
