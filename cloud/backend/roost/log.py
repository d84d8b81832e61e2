"""Logging: events with fields, readable on a terminal, JSON on Cloud Run, and never a secret in either."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

REDACTED = "[redacted]"
# (?<!\w) would miss the `bot123:…` of Telegram's URLs; %3A is the colon where a library has quoted it.
_SECRETS = re.compile(
    r"(?<!\d)\d{6,12}(?::|%3A)[\w-]{30,}"  # Telegram bot tokens
    r"|[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # Discord bot tokens
    r"|aW50ZXJhY3Rpb246[\w-]{16,}"  # Discord interaction tokens: base64 of "interaction:…"
    r"|\b(?:sk|roost)[-_][\w-]{16,}"  # keys of model endpoints, and our own API keys
    r"|(?<=Bearer )[\w.~+/=-]{8,}",
    re.IGNORECASE,
)
_NOISY = ("httpx", "httpcore", "httpx2", "httpcore2", "telegram", "chromadb", "openai", "urllib3", "asyncio")
# Its warnings about rate limits hold whole addresses, and those hold interaction tokens.
_SPEAKING_IN_SECRETS = ("discord",)
_TRACE: ContextVar[Mapping[str, object] | None] = ContextVar("trace", default=None)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """The text without anything that looks like a token or a key."""
    return _SECRETS.sub(REDACTED, text)


class _ReadableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{at} {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


class _JsonFormatter(logging.Formatter):
    """One object a line, in the field names Cloud Logging reads."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "logger": record.name,
            "message": record.getMessage(),
            **(_TRACE.get() or {}),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(entry, default=str, ensure_ascii=False))


def trace(fields: Mapping[str, object] | None) -> None:
    """Puts these fields on every JSON line that this thread or task writes from now on; None ends it."""
    _TRACE.set(fields)


def configure(level: str, *, as_json: bool, stream: TextIO | None = None) -> None:
    """Sends every logger of the process to one stream (stderr). Client libraries speak from WARNING up:
    their INFO lines hold tokens.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if as_json else _ReadableFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in _SPEAKING_IN_SECRETS:
        logging.getLogger(name).setLevel(logging.ERROR)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What was passed as `extra={...}`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
