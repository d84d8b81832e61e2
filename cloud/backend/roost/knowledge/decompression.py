"""Unpacks what a server sends, never holding more than the cap: a few kilobytes can unpack to gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from roost.errors import RemoteRejected

_EITHER_WRAPPER = 32 + zlib.MAX_WBITS
_NO_WRAPPER = -zlib.MAX_WBITS


def inflate(parts: Iterable[bytes], encoding: str, limit_bytes: int) -> tuple[bytes, bool]:
    """The body of a response, cut at `limit_bytes`, and whether it was cut. Reads no further than the cut.

    `encoding` is the Content-Encoding: identity, gzip or deflate. Raises RemoteRejected with code `encoding`
    for another one, and for a body that is damaged.
    """
    if encoding in ("", "identity"):
        return _joined(parts, limit_bytes)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise RemoteRejected("The page is packed in a way Roost does not read.", code="encoding")
    try:
        return _inflated(parts, limit_bytes)
    except zlib.error as error:
        raise RemoteRejected("The page arrived damaged: it does not unpack.", code="encoding") from error


def gunzip(packed: bytes, limit_bytes: int) -> tuple[bytes, bool]:
    """A gzip file, cut at `limit_bytes`, and whether it was cut. Raises RemoteRejected as `inflate` does."""
    return inflate([packed], "gzip", limit_bytes)


def _joined(parts: Iterable[bytes], limit_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > limit_bytes:
            return bytes(body[:limit_bytes]), True
    return bytes(body), False


def _inflated(parts: Iterable[bytes], limit_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    packed_bytes = 0
    unpacker, ended = None, False
    for part in parts:
        packed_bytes += len(part)
        if packed_bytes > limit_bytes:
            return bytes(body), True
        pending = part
        while pending:
            if unpacker is None:
                if ended and not pending.startswith(b"\x1f\x8b"):
                    # What follows the packed body is no part of it, unless it is another one.
                    return bytes(body), False
                unpacker = _unpacker(pending)
            body += unpacker.decompress(pending, limit_bytes + 1 - len(body))
            if len(body) > limit_bytes:
                return bytes(body[:limit_bytes]), True
            pending = unpacker.unused_data if unpacker.eof else b""
            if unpacker.eof:
                unpacker, ended = None, True
    return bytes(body), False


def _unpacker(start: bytes) -> zlib._Decompress:
    """Some servers say deflate and send it without the zlib wrapper that RFC 9110 asks for."""
    wrapped = start[:2] == b"\x1f\x8b" or start[:1] == b"\x1f" or (start[0] & 0x0F) == 8
    return zlib.decompressobj(_EITHER_WRAPPER if wrapped else _NO_WRAPPER)
