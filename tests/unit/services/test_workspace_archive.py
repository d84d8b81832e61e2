"""Files that claim to be exports: bombs, paths, links, devices, damage and lies."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from roost.errors import InvalidInput, RoostError, TooLarge
from roost.services import workspace_archive
from roost.services.workspace_archive import MANIFEST, PARTS, Archive, write_archive

RECORDS: dict[str, list[dict[str, Any]]] = {
    "sources.jsonl": [{"a": 1}],
    "bots.jsonl": [],
    "conversations.jsonl": [{"b": "ü"}, {"c": [1]}],
}


def good() -> io.BytesIO:
    file = io.BytesIO()
    write_archive(file, RECORDS, made_at="2030-01-01T00:00:00.000Z", tokens=False)
    return file


def made(
    parts: Mapping[str, bytes] | None = None, manifest: Mapping[str, Any] | None = None, extra: Any = None
) -> io.BytesIO:
    """An archive by hand, with a manifest that fits unless one is given."""
    contents = dict.fromkeys(PARTS, b"") | dict(parts or {})
    described = {name: {"sha256": hashlib.sha256(body).hexdigest()} for name, body in contents.items()}
    shown = manifest or {"format": "roost-workspace", "version": 1, "parts": described}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in contents.items():
            archive.writestr(name, body)
        archive.writestr(MANIFEST, json.dumps(shown))
        if extra:
            archive.writestr(*extra)
    return file


def refused(file: io.BytesIO) -> RoostError:
    with pytest.raises(InvalidInput) as error:
        Archive(file)
    return error.value


def test_what_was_written_is_read_line_by_line() -> None:
    archive = Archive(good())
    for name in PARTS:
        assert list(archive.records(name)) == list(enumerate(RECORDS[name], 1))


def test_73_a_file_that_unpacks_to_gigabytes_is_refused_by_what_it_states() -> None:
    big = 64 * 1024 * 1024
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in PARTS[:2]:
            archive.writestr(name, b"")
        with archive.open(PARTS[2], "w", force_zip64=True) as part:
            for _ in range(5):
                part.write(b"\0" * big)
        archive.writestr(MANIFEST, "{}")
    assert len(file.getvalue()) < 1024 * 1024
    assert isinstance(refused(file), TooLarge)


def test_73_a_bomb_that_states_a_small_size_unpacks_no_further_than_that() -> None:
    line = b'{"a": "' + b"x" * 100_000 + b'"}\n'
    file = made({"conversations.jsonl": line * 200})
    data = bytearray(file.getvalue())
    stated = (len(line) * 200).to_bytes(4, "little")
    assert data.count(stated) >= 1
    lied = io.BytesIO(bytes(data.replace(stated, (100).to_bytes(4, "little"))))
    assert refused(lied).code in ("damaged", "not_an_export")


def test_73_one_endless_line_is_refused() -> None:
    assert isinstance(
        refused(made({"bots.jsonl": b"x" * (workspace_archive.LINE_AT_MOST_BYTES + 2)})), TooLarge
    )


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/cron.d/evil", "a/../../b", "C:\\evil", "bots.jsonl/x", "notes.txt"]
)
def test_74_an_entry_that_does_not_belong_is_refused(name: str) -> None:
    assert refused(made(extra=(name, b"x"))).code == "foreign_entry"


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR]
)
def test_74_a_link_or_device_under_a_good_name_is_refused(kind: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in (*PARTS, MANIFEST):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = ((kind if name == "bots.jsonl" else stat.S_IFREG) | 0o777) << 16
            archive.writestr(entry, b"/etc/passwd")
    assert refused(file).code == "foreign_entry"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_or_missing_is_refused() -> None:
    assert refused(made(extra=("bots.jsonl", b"{}"))).code == "not_an_export"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(MANIFEST, "{}")
    assert refused(file).code == "not_an_export"


def test_a_part_that_was_changed_is_refused() -> None:
    described = {name: {"sha256": hashlib.sha256(b"").hexdigest()} for name in PARTS}
    manifest = {"format": "roost-workspace", "version": 1, "parts": described}
    assert refused(made({"bots.jsonl": b'{"platform": "telegram"}\n'}, manifest)).code == "damaged"


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        ({"format": "other"}, "not_an_export"),
        ({"format": "roost-workspace", "version": 2, "parts": {}}, "newer_export"),
        ({"format": "roost-workspace", "version": 1}, "not_an_export"),
        ({"format": "roost-workspace", "version": 1, "parts": {"bots.jsonl": 3}}, "damaged"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(manifest: dict[str, Any], code: str) -> None:
    assert refused(made(manifest=manifest)).code == code


@pytest.mark.parametrize("line", [b"[1]\n", b"no\n", b'{"a": NaN}\n', b"[" * 100_000 + b"\n", b"\xff\xfe\n"])
def test_a_line_that_is_no_record_is_named(line: bytes) -> None:
    archive = Archive(made({"bots.jsonl": b"{}\n" + line}))
    with pytest.raises(InvalidInput, match="bots.jsonl, line 2"):
        list(archive.records("bots.jsonl"))


def test_a_file_cut_off_anywhere_is_refused() -> None:
    whole = good().getvalue()
    for length in range(0, len(whole), 7):
        refused(io.BytesIO(whole[:length]))


def test_a_file_with_any_byte_flipped_is_refused_or_reads_the_same() -> None:
    whole = good().getvalue()
    for at in range(len(whole)):
        flipped = io.BytesIO(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            archive = Archive(flipped)
        except InvalidInput:
            continue
        assert {name: [record for _, record in archive.records(name)] for name in PARTS} == RECORDS
