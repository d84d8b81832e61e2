"""Logs: fields, JSON, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from roost import log

TELEGRAM = "123456789:AAF-abcdefghijklmnopqrstuvwxyz01234"
SECRETS = [
    TELEGRAM,
    f"https://api.telegram.org/bot{TELEGRAM}/getUpdates",
    f"https://api.telegram.org/bot{TELEGRAM.replace(':', '%3A')}/getMe",
    "sk-proj-abcdefghijklmnop1234",
    "roost_abcdefghijklmnopqrstuv",
    "Authorization: Bearer abcdefgh12345678",
]


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_redacted_wherever_it_stands(secret: str, as_json: bool) -> None:
    stream = io.StringIO()
    log.configure("INFO", as_json=as_json, stream=stream)
    logger = logging.getLogger("roost.test")
    logger.info("said %s", secret, extra={"field": secret})
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("failed")
    printed = stream.getvalue()
    assert printed.count(log.REDACTED) >= 3
    for hidden in ("AAF-abcdefghij", "abcdefghijklmnop", "abcdefgh12345678"):
        assert hidden not in printed


def test_json_lines_carry_the_fields_that_cloud_logging_reads() -> None:
    stream = io.StringIO()
    log.configure("INFO", as_json=True, stream=stream)
    logging.getLogger("roost.test").warning("Index ready: %d chunks", 7, extra={"source": "manual"})
    entry = json.loads(stream.getvalue())
    assert entry["severity"] == "WARNING"
    assert entry["message"] == "Index ready: 7 chunks"
    assert entry["source"] == "manual"
    assert entry["time"].endswith("Z")


def test_client_libraries_speak_from_warning_up() -> None:
    stream = io.StringIO()
    log.configure("DEBUG", as_json=False, stream=stream)
    logging.getLogger("httpx").info("HTTP Request: POST")
    logging.getLogger("roost.test").debug("ours")
    assert "HTTP Request" not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_ordinary_text_stays_as_it_is() -> None:
    text = "At 12:30 bot 42 answered https://example.org/a:b in 123456 ms; risk-free task-based work"
    assert log.redact(text) == text
