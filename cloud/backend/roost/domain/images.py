"""Pictures that people hand in: known by their first bytes, and named by their content."""

from __future__ import annotations

import hashlib
import re

from roost.errors import InvalidInput, TooLarge

LIMIT_BYTES = 512 * 1024

# What a browser draws and nobody can run: SVG is a document, and stays out.
_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg|gif|webp)")


def name_of(content: bytes) -> str:
    """`<sha256>.<ending>`; equal pictures have one name. Raises InvalidInput for what is no picture, and
    TooLarge.

    Source of the signatures: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
    """
    if len(content) > LIMIT_BYTES:
        raise TooLarge(
            f"The picture has {len(content):,} bytes; {LIMIT_BYTES:,} are taken. Make it smaller.",
            field="image",
        )
    return f"{hashlib.sha256(content).hexdigest()}.{_ending(content)}"


def media_type(name: str) -> str:
    """Of a name made by `name_of`. Raises InvalidInput for another."""
    if not is_picture(name):
        raise InvalidInput("That is not the name of a picture.", field="image")
    return _MEDIA_TYPES[name.rpartition(".")[2]]


def is_picture(name: str) -> bool:
    """Whether `name_of` makes such names."""
    return _NAME.fullmatch(name) is not None


def is_named_so(name: str, content: bytes) -> bool:
    """Whether that is the picture of this name, whole."""
    return name.partition(".")[0] == hashlib.sha256(content).hexdigest()


def _ending(content: bytes) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if content[:4] == b"RIFF" and content[8:14] == b"WEBPVP":
        return "webp"
    raise InvalidInput("That is not a PNG, JPEG, GIF or WebP picture. Choose one that is.", field="image")
