"""What people see: tables, colours, progress, questions; or one JSON document instead of all that."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from roost.errors import InvalidInput, RoostError

# Escape sequences in a page's title or a bot's name must not reach somebody's terminal; nor may bidirectional
# overrides turn a line around.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"good": "32", "warning": "33", "bad": "31", "faint": "2", "strong": "1"}
_BAR_WIDTH = 24
_REDRAWN_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Streams:
    """The process's own, or a test's."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    @classmethod
    def of_process(cls) -> Streams:
        return cls(sys.stdin, sys.stdout, sys.stderr)


def printable(text: str) -> str:
    """The text without what a terminal would act upon; line ends and tabs stay."""
    return _UNPRINTABLE.sub("", text)


class Terminal:
    """Results go to stdout, everything else to stderr. With `as_json` a result is one JSON document."""

    def __init__(self, streams: Streams, environ: Mapping[str, str], *, as_json: bool) -> None:
        self._streams = streams
        self.as_json = as_json
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        self._colours = streams.stdout.isatty() and not plain
        self._colours_of_errors = streams.stderr.isatty() and not plain
        for stream in (streams.stdout, streams.stderr):
            _replace_unencodable(stream)

    @property
    def is_watched(self) -> bool:
        """A person sees stdout as it grows."""
        return self._streams.stdout.isatty() and not self.as_json

    def show(self, result: Any, in_words: Callable[[], None]) -> None:
        """The result of a command: `result` as JSON, or whatever `in_words` says."""
        if self.as_json:
            self._write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
        else:
            in_words()

    def say(self, text: str = "") -> None:
        self._write(printable(text) + "\n")

    def say_part(self, text: str) -> None:
        """Without a line end, seen at once."""
        self._write(printable(text))
        self._streams.stdout.flush()

    def line(self, value: Any, in_words: str) -> None:
        """One of a series without end: a line of JSON, or words."""
        self._write((json.dumps(value, ensure_ascii=False) if self.as_json else printable(in_words)) + "\n")
        self._streams.stdout.flush()

    def flush(self) -> None:
        """What was said reaches whoever reads it now, also through a pipe."""
        self._streams.stdout.flush()

    def note(self, text: str) -> None:
        """Beside the result, for people only."""
        if not self.as_json:
            self._streams.stderr.write(printable(text) + "\n")
            self._streams.stderr.flush()

    def fail(self, error: RoostError) -> None:
        """Why nothing was done, in one sentence and its remedy."""
        if self.as_json:
            detail = {"code": error.code, "message": error.message}
            if error.field:
                detail["field"] = error.field
            self._streams.stderr.write(json.dumps({"error": detail}, ensure_ascii=False) + "\n")
        else:
            head = _painted("roost:", "bad", wanted=self._colours_of_errors)
            self._streams.stderr.write(f"{head} {printable(error.message)}\n")

    def paint(self, text: str, style: str) -> str:
        """`style` is good, warning, bad, faint or strong. Safe to print: the text is made printable."""
        return _painted(printable(text), style, wanted=self._colours)

    def say_painted(self, text: str) -> None:
        """A line made with `paint`; every part of it that is not ours has been through it."""
        self._write(text + "\n")

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()
    ) -> None:
        """Columns as wide as their widest cell. `styles` has one for the first column of each row."""
        cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
        widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]

        def line(row: Sequence[str]) -> list[str]:
            return [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]

        self._write(_painted("  ".join(line(columns)).rstrip(), "faint", wanted=self._colours) + "\n")
        for number, row in enumerate(cells):
            padded = line(row)
            if number < len(styles):
                padded[0] = _painted(padded[0], styles[number], wanted=self._colours)
            self._write("  ".join(padded).rstrip() + "\n")

    def progress(self) -> Progress:
        watched = self._streams.stderr.isatty() and not self.as_json
        return Progress(self._streams.stderr if watched else None)

    def ask_secret(self, prompt: str) -> str:
        """Typed without an echo, or the first line of stdin. Raises InvalidInput when there is none."""
        if self._streams.stdin.isatty():
            import getpass

            secret = getpass.getpass(prompt + ": ", stream=self._streams.stderr)
        else:
            secret = self._streams.stdin.readline(4096)
        secret = secret.strip()
        if not secret:
            raise InvalidInput("Nothing was entered. Type it when asked, or send it on standard input.")
        return secret

    def confirm(self, question: str, *, agreed: bool) -> None:
        """Goes on when `agreed` or the person says yes. Raises InvalidInput otherwise."""
        if agreed:
            return
        if not self._streams.stdin.isatty():
            raise InvalidInput(f"{question} Add --yes to go on without being asked.", code="not_confirmed")
        self._streams.stderr.write(f"{printable(question)} [y/N] ")
        self._streams.stderr.flush()
        if self._streams.stdin.readline(100).strip().lower() not in ("y", "yes"):
            raise InvalidInput("Nothing was changed.", code="not_confirmed")

    def _write(self, text: str) -> None:
        self._streams.stdout.write(text)


class Progress:
    """One line that is drawn over; silent where nobody watches."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._drawn = ""
        self._label = ""
        self._drawn_at_s = 0.0

    def show(self, label: str, done: int, total: int | None) -> None:
        """`total` None: nobody knows how much there is."""
        now_s = time.monotonic()
        if self._stream is None or (label == self._label and now_s - self._drawn_at_s < _REDRAWN_EVERY_S):
            return
        self._label, self._drawn_at_s = label, now_s
        drawn = progress_line(label, done, total)
        self._stream.write("\r" + drawn.ljust(len(self._drawn)))
        self._stream.flush()
        self._drawn = drawn

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None and self._drawn:
            self._stream.write("\r" + " " * len(self._drawn) + "\r")
            self._stream.flush()


def progress_line(label: str, done: int, total: int | None) -> str:
    """`reading pages  [######------]  5/10`; without a total only the count."""
    if not total:
        return f"{label}  {done}" if done else label
    filled = min(_BAR_WIDTH, _BAR_WIDTH * done // total)
    return f"{label}  [{'#' * filled}{'-' * (_BAR_WIDTH - filled)}]  {done}/{total}"


def _painted(text: str, style: str, *, wanted: bool) -> str:
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if wanted else text


def _replace_unencodable(stream: TextIO) -> None:
    """A terminal that cannot show a letter gets a question mark, not a traceback."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
