"""What answers before the application is there, and what always answers without it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from roost.services.readiness import Readiness, State
from roost.settings import Settings
from roost.web.front import Front
from roost.web.static_pages import StaticPages

PAGE = b"<!doctype html><title>Roost</title>" + b"x" * 2000


class Answer:
    def __init__(self, front: Front, path: str, method: str = "GET", **environ: str) -> None:
        self.headers: dict[str, str] = {}
        sent = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "HTTP_HOST": "localhost:8000",
            "REMOTE_ADDR": "127.0.0.1",
            **environ,
        }
        self.body = b"".join(front(sent, self._start))

    def _start(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        self.status = int(status.split(maxsplit=1)[0])
        self.headers.update(headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def front(tmp_path: Path) -> Front:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "assets" / "app-abc.js").write_text("let a = 1;")
    return Front(StaticPages(tmp_path), Settings.from_env({}), Readiness())


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("X-From", "application")])
    return [environ["PATH_INFO"].encode()]


def test_the_page_opens_before_the_application_is_there(front: Front) -> None:
    for path in ("/", "/bots", "/ask/some-thread"):
        answer = Answer(front, path)
        assert answer.status == 200
        assert answer.body == PAGE
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_session_says_that_roost_is_starting_and_how_one_may_sign_in(front: Front) -> None:
    answer = Answer(front, "/api/session")
    assert answer.status == 200
    assert answer.json["user"] is None
    assert answer.json["state"] == "restoring"
    assert answer.json["sign_in"] == {"google": False, "local": True, "link": False}
    proxied = Answer(front, "/api/session", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert proxied.json["sign_in"]["local"] is False


def test_pages_with_a_widget_can_read_that_they_shall_come_back(tmp_path: Path) -> None:
    """Also once the application is there, which knows no widget before its databases are open."""
    (tmp_path / "widget.js").write_text("let b = 2;")
    readiness = Readiness()
    front = Front(StaticPages(tmp_path), Settings.from_env({}), readiness)
    front.attach(application)
    for method in ("GET", "POST"):
        answer = Answer(front, "/widget/v1/w_1/ask", method, HTTP_ORIGIN="https://docs.example.com")
        assert (answer.status, answer.json["error"]["code"]) == (503, "restoring")
        assert answer.headers["Retry-After"] == "2"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    preflight = Answer(front, "/widget/v1/w_1/ask", "OPTIONS")
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    script = Answer(front, "/widget/v1/w_1/widget.js")
    assert (script.status, script.body) == (200, b"let b = 2;")
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert Answer(front, "/widget/v1/w_1/look", HTTP_HOST="evil.example").headers == {"X-From": "application"}
    readiness.set(State.READY)
    assert Answer(front, "/widget/v1/w_1/ask", "POST").headers == {"X-From": "application"}


def test_the_rest_of_the_api_asks_to_come_back(front: Front) -> None:
    answer = Answer(front, "/api/bots")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.json["error"]["code"] == "restoring"
    assert Answer(front, "/auth/local", method="POST").status == 503


def test_the_probes_tell_alive_from_ready(front: Front) -> None:
    assert Answer(front, "/healthz", HTTP_HOST="anything").status == 200
    assert Answer(front, "/readyz", HTTP_HOST="anything").status == 503


@pytest.mark.parametrize(
    "host", ["evil.tld", "localhost.evil.tld", "127.0.0.1.evil.tld", "", "evil.tld:8000", "a@localhost"]
)
def test_a_foreign_host_is_refused(front: Front, host: str) -> None:
    assert Answer(front, "/api/session", HTTP_HOST=host).status == 400
    assert Answer(front, "/", HTTP_HOST=host).status == 400


def test_once_attached_the_application_answers_all_but_the_pages_files(front: Front) -> None:
    front.attach(application)
    assert Answer(front, "/api/session").headers["X-From"] == "application"
    assert Answer(front, "/healthz").headers["X-From"] == "application"
    assert Answer(front, "/bots", method="POST").headers["X-From"] == "application"
    assert Answer(front, "/bots").body == PAGE


def test_files_are_compressed_cached_and_never_outside_the_folder(front: Front, tmp_path: Path) -> None:
    (tmp_path.parent / "secret.txt").write_text("outside")
    small = Answer(front, "/", HTTP_ACCEPT_ENCODING="gzip, br")
    assert gzip.decompress(small.body) == PAGE
    again = Answer(front, "/", HTTP_IF_NONE_MATCH=small.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert "immutable" in Answer(front, "/assets/app-abc.js").headers["Cache-Control"]
    for path in ("/../secret.txt", "/assets/../../secret.txt", "//secret.txt", "/assets/missing.js"):
        assert Answer(front, path).status == 503
    assert Answer(front, "/", method="HEAD").body == b""
