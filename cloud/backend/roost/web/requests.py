"""What a client sent, read strictly: JSON with one meaning, text that can be stored, and bounded.

Flask's own reader answers 500 to deep nesting, takes NaN, lone surrogates and NUL, and lets the last of two
equal keys win.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any

from flask import Request

from roost.errors import InvalidInput, TooLarge

BODY_LIMIT_BYTES = 1024 * 1024
UPLOAD_LIMIT_BYTES = 64 * 1024 * 1024
DISCARDED_AT_MOST_BYTES = 16 * 1024 * 1024
PART_BYTES = 64 * 1024
DEPTH_LIMIT = 32
INTEGER_DIGITS_LIMIT = 30
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Unreadable(InvalidInput):
    """The request is not what it claims to be; nothing in it was looked at."""

    default_code = "unreadable"


class WrongMediaType(InvalidInput):
    default_code = "not_json"


class StrictRequest(Request):
    """A request whose body is read once, whole and bounded."""

    _body: bytes | None = None

    def body_bytes(self) -> bytes:
        """The body. Raises TooLarge, also for one that is sent in chunks.

        Werkzeug's own bound cuts a chunked body off at the limit instead of refusing it.
        """
        if self._body is None:
            self._body = self._read_body()
        return self._body

    def _read_body(self) -> bytes:
        declared = self.content_length
        if declared is None and not self.environ.get("wsgi.input_terminated"):
            return b""
        wanted = BODY_LIMIT_BYTES + 1 if declared is None else declared
        if wanted <= BODY_LIMIT_BYTES or declared is None:
            body = b"".join(self._parts(wanted))
            if len(body) <= BODY_LIMIT_BYTES:
                return body
        # A client reads the answer only once its body is taken off its hands.
        for _ in self._parts(DISCARDED_AT_MOST_BYTES):
            pass
        raise TooLarge("The body is larger than 1 MiB. Send less at once.")

    def _parts(self, wanted: int) -> Iterator[bytes]:
        """The next `wanted` bytes of the body, or what there is."""
        stream = self.environ["wsgi.input"]
        while wanted > 0 and (part := stream.read(min(wanted, PART_BYTES))):
            yield part
            wanted -= len(part)

    def save_upload(self, file: IO[bytes], media_type: str) -> None:
        """Writes the body into a file. Raises WrongMediaType, TooLarge beyond 64 MiB."""
        if self.mimetype != media_type:
            raise WrongMediaType(
                f"The body is not what is taken here. Send it as `Content-Type: {media_type}`."
            )
        declared = self.content_length
        wanted = UPLOAD_LIMIT_BYTES + 1 if declared is None else declared
        if declared is None and not self.environ.get("wsgi.input_terminated"):
            wanted = 0
        if wanted <= UPLOAD_LIMIT_BYTES or declared is None:
            size = 0
            for part in self._parts(wanted):
                size += len(part)
                file.write(part)
            if size <= UPLOAD_LIMIT_BYTES:
                return
        for _ in self._parts(DISCARDED_AT_MOST_BYTES):
            pass
        raise TooLarge("The file is larger than 64 MiB. Send less at once.")

    def picture(self, media_types: Sequence[str]) -> bytes:
        """The body. Raises WrongMediaType for what says itself that it is none of these, TooLarge."""
        sent = self.body_bytes()
        if self.mimetype not in media_types:
            raise WrongMediaType(
                "That is not a PNG, JPEG, GIF or WebP picture. Send one, with its Content-Type.",
                field="image",
            )
        return sent

    def json_body(self) -> dict[str, Any]:
        """The body's JSON object; an empty body counts as `{}`.

        Raises WrongMediaType, Unreadable for what is no JSON, InvalidInput for values that cannot be stored.
        """
        sent = self.body_bytes()
        if not sent:
            return {}
        if self.mimetype != "application/json":
            raise WrongMediaType("The body is not JSON. Send it as `Content-Type: application/json`.")
        return parse_object(sent)

    def query_values(self) -> dict[str, str]:
        """The query's parameters. Raises InvalidInput for one that stands there twice or cannot be stored."""
        values: dict[str, str] = {}
        for name, given in self.args.lists():
            if len(given) > 1:
                raise InvalidInput(
                    f"{shown(name)} stands in the address twice. Send it once.", field=shown(name)
                )
            _check_text(given[0], name)
            values[name] = given[0]
        return values


def parse_object(sent: bytes) -> dict[str, Any]:
    """RFC 8259, with one meaning only. Raises Unreadable, and InvalidInput for unstorable values."""
    try:
        parsed = json.loads(
            sent.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError as error:
        raise Unreadable("The body is nested too deeply. Send plain JSON.") from error
    except ValueError as error:
        raise Unreadable("The body is not valid JSON. Check its syntax and that it is UTF-8.") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("The body is not a JSON object. Send one in braces.")
    for text in _texts(parsed):
        _check_text(text, None)
    return parsed


def shown(name: str) -> str:
    """A field's name as it may be repeated to the client: short, and nothing that could not be printed."""
    return "".join(character for character in name if character.isprintable())[:60]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("A key stands twice in one object of the body. Send it once.", code="duplicate_key")
    return found


def _constant(name: str) -> float:
    raise InvalidInput(f"{name} is not a number that can be stored. Send a finite one.")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidInput("A number is too large. Send a smaller one.")
    return number


def _integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS_LIMIT:
        raise Unreadable("A number has too many digits. Send a shorter one.")
    return int(digits)


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too. Raises Unreadable for one that is nested too deeply."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                yield from item
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return
        level = inner
    raise Unreadable("The body is nested too deeply. Send plain JSON.")


def _check_text(text: str, name: str | None) -> None:
    if _UNSTORABLE.search(text):
        raise InvalidInput(
            "The text holds a NUL or half of a surrogate pair. Remove it.",
            field=None if name is None else shown(name),
        )
