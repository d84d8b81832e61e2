"""The file that carries a workspace: a zip of JSON lines and a manifest, and how far one is trusted.

Nothing of a file is believed before it is counted: names are compared with the few that belong there, sizes
are bounded while they are unpacked, checksums are held against the manifest, and lines are bounded too.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from roost import __version__
from roost.errors import InvalidInput, TooLarge

FORMAT = "roost-workspace"
VERSION = 1
MANIFEST = "manifest.json"
PARTS = ("sources.jsonl", "bots.jsonl", "conversations.jsonl")
UNPACKED_AT_MOST_BYTES = 256 * 1024 * 1024
MANIFEST_AT_MOST_BYTES = 64 * 1024
LINE_AT_MOST_BYTES = 1024 * 1024
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A zip's times begin in 1980; none is meant.
_NO_TIME = (1980, 1, 1, 0, 0, 0)

Record = dict[str, Any]


def write_archive(
    file: IO[bytes], parts: Mapping[str, Iterable[Record]], *, made_at: str, tokens: bool
) -> None:
    """`parts` gives the records of each of PARTS. The manifest is last: a file that is cut off has none."""
    described: dict[str, object] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PARTS:
            digest, lines, size = hashlib.sha256(), 0, 0
            with archive.open(_entry(name), "w", force_zip64=True) as part:
                for record in parts[name]:
                    line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
                    part.write(line)
                    digest.update(line)
                    lines, size = lines + 1, size + len(line)
            described[name] = {"sha256": digest.hexdigest(), "lines": lines, "size_bytes": size}
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "made_at": made_at,
            "made_by": f"roost {__version__}",
            "tokens": tokens,
            "parts": described,
        }
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=2))


class Archive:
    """A file that somebody sent. Constructing it looks at everything once, so that nothing is half imported.

    Raises InvalidInput for what is no such file, TooLarge for what would not end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            self._check_entries()
            self._check_parts(self._manifest())
        except _unreadable() as error:
            raise InvalidInput(
                "This is no whole file of `roost export`, or it is damaged. Export again, or send it again.",
                code="not_an_export",
            ) from error

    def records(self, name: str) -> Iterator[tuple[int, Record]]:
        """Each record of a part with its line number, from 1. Raises InvalidInput for a line that is none."""
        with self._zip.open(name) as part:
            for number, line in enumerate(_lines(part, name), 1):
                yield number, parse_record(line, f"{name}, line {number}")

    def _check_entries(self) -> None:
        entries = self._zip.infolist()
        names = [entry.filename for entry in entries]
        expected = {MANIFEST, *PARTS}
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG) and entry.compress_type in _PACKED
            if entry.filename not in expected or not plain:
                raise InvalidInput(
                    "The file holds an entry that no export of Roost has: a path, a link or a device. "
                    "Send only what `roost export` wrote.",
                    code="foreign_entry",
                )
        if len(names) != len(set(names)) or set(names) != expected:
            raise InvalidInput(
                "The file lacks a part of an export, or has one twice. Export again.", code="not_an_export"
            )
        if sum(entry.file_size for entry in entries) > UNPACKED_AT_MOST_BYTES:
            raise _too_large()

    def _manifest(self) -> Mapping[str, Any]:
        with self._zip.open(MANIFEST) as entry:
            text = entry.read(MANIFEST_AT_MOST_BYTES + 1)
        if len(text) > MANIFEST_AT_MOST_BYTES:
            raise _too_large()
        manifest = parse_record(text, MANIFEST)
        if manifest.get("format") != FORMAT:
            raise InvalidInput("This is no file of `roost export`.", code="not_an_export")
        if manifest.get("version") != VERSION:
            raise InvalidInput(
                "The file was written by a newer Roost. Import it with that version.", code="newer_export"
            )
        parts = manifest.get("parts")
        if not isinstance(parts, dict):
            raise InvalidInput("The file's manifest names no parts. Export again.", code="not_an_export")
        return parts

    def _check_parts(self, described: Mapping[str, Any]) -> None:
        unpacked = 0
        for name in PARTS:
            digest = hashlib.sha256()
            with self._zip.open(name) as part:
                for line in _lines(part, name):
                    unpacked += len(line)
                    if unpacked > UNPACKED_AT_MOST_BYTES:
                        raise _too_large()
                    digest.update(line)
            stated = described.get(name)
            if not isinstance(stated, dict) or stated.get("sha256") != digest.hexdigest():
                raise InvalidInput(
                    f"{name} is not what the manifest says: the file is damaged or changed. Export again.",
                    code="damaged",
                )


def parse_record(line: bytes, place: str) -> Record:
    """A JSON object. Raises InvalidInput, naming the place."""
    try:
        parsed = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{place} is no JSON. Export again.", code="damaged") from error
    if not isinstance(parsed, dict):
        raise InvalidInput(f"{place} is no JSON object. Export again.", code="damaged")
    return parsed


def _lines(part: Any, name: str) -> Iterator[bytes]:
    while line := part.readline(LINE_AT_MOST_BYTES + 1):
        if len(line) > LINE_AT_MOST_BYTES:
            raise TooLarge(f"A line of {name} is longer than 1 MiB. Export again.")
        yield line


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o600) << 16
    return entry


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _too_large() -> TooLarge:
    most = UNPACKED_AT_MOST_BYTES // 1024**2
    return TooLarge(f"Unpacked, the file is larger than {most} MiB. Import less at once.")


def _unreadable() -> tuple[type[Exception], ...]:
    """What the zip library raises for bytes that are no archive, or a damaged one: it does not say itself."""
    import struct
    import zlib

    return (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
        struct.error,
        zlib.error,
    )
