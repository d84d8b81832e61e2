"""What `roost doctor` learns from the network, from servers on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.fakes.command_line import CommandLine

KEY = "sk-of-nobody-0123456789"


class Party:
    """Answers everything alike: with `status`, by a clock that is `ahead`."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.ahead = timedelta()
        self.asked: list[tuple[str, str | None]] = []


@pytest.fixture
def party() -> Iterator[Party]:
    made = Party()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response_only(made.status)
            moment = datetime.now(UTC) + made.ahead
            self.send_header("Date", moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()


def checks(tmp_path: Path, party: Party, **environ: str) -> dict[str, list[dict[str, Any]]]:
    roost = CommandLine(
        {
            "DATA_DIR": str(tmp_path),
            "PORT": "0",
            "TELEGRAM_API_BASE_URL": party.url,
            "OPENAI_BASE_URL": f"{party.url}/v1",
            **environ,
        }
    )
    done = roost("doctor", "--json")
    assert KEY not in done.out + done.err
    found: dict[str, list[dict[str, Any]]] = {}
    for each in done.json["checks"]:
        found.setdefault(each["name"], []).append(each)
    assert done.code == int(any(each["level"] == "bad" for each in done.json["checks"]))
    return found


def levels(found: list[dict[str, Any]]) -> list[str]:
    return [each["level"] for each in found]


def test_what_is_reached_is_said(tmp_path: Path, party: Party) -> None:
    found = checks(tmp_path, party, OPENAI_API_KEY=KEY)
    assert (levels(found["Telegram"]), levels(found["endpoint"]), levels(found["clock"])) == (
        ["good"],
        ["good"],
        ["good"],
    )
    assert party.asked == [("/", None), ("/v1/models", f"Bearer {KEY}")]


def test_without_a_key_the_endpoint_is_not_asked(tmp_path: Path, party: Party) -> None:
    found = checks(tmp_path, party)
    assert levels(found["endpoint"]) == ["note"]
    assert [path for path, _ in party.asked] == ["/"]


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [(401, "bad", "refuses the key"), (403, "bad", "refuses the key"), (404, "warning", "OPENAI_BASE_URL")],
)
def test_an_endpoint_that_refuses_is_told_with_the_remedy(
    tmp_path: Path, party: Party, status: int, level: str, words: str
) -> None:
    party.status = status
    [found] = checks(tmp_path, party, OPENAI_API_KEY=KEY)["endpoint"]
    assert found["level"] == level
    assert words in found["message"]


@pytest.mark.parametrize(
    ("ahead", "level"), [(timedelta(minutes=2), "warning"), (-timedelta(hours=3), "bad")]
)
def test_a_clock_that_is_off_is_seen(tmp_path: Path, party: Party, ahead: timedelta, level: str) -> None:
    party.ahead = ahead
    found = checks(tmp_path, party)["clock"]
    assert levels(found) == ["good", level]
    assert "NTP" in found[1]["message"]


def test_a_party_that_does_not_answer_is_a_warning_and_nothing_waits(tmp_path: Path, party: Party) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = checks(tmp_path, party, TELEGRAM_API_BASE_URL=url)
    assert levels(found["Telegram"]) == ["warning"]
    assert "is not reached" in found["Telegram"][0]["message"]


def test_offline_nobody_is_asked(tmp_path: Path, party: Party) -> None:
    environ = {"DATA_DIR": str(tmp_path), "PORT": "0", "TELEGRAM_API_BASE_URL": party.url}
    done = CommandLine(environ)("doctor", "--offline", "--json")
    assert {"Telegram", "endpoint"}.isdisjoint(each["name"] for each in done.json["checks"])
    assert party.asked == []
