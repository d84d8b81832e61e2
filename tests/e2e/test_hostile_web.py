"""Hostile requests to the real server: what only sockets can show. Numbers are those of the hostile cases."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.roost_process import RoostProcess

SLOW_CLIENTS = 200


@pytest.fixture(scope="module")
def roost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoostProcess]:
    with RoostProcess(tmp_path_factory.mktemp("data"), {"STREAMS_PER_PERSON": "5"}) as process:
        yield process.start()


@pytest.fixture
def owner(roost: RoostProcess) -> Iterator[httpx.Client]:
    with roost.client() as client:
        yield client


def raw(roost: RoostProcess, request: bytes) -> bytes:
    """Sends these bytes and reads until the server closes, or has been silent for a second."""
    parts = urlsplit(roost.base_url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(request)
        connection.settimeout(1)
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
        except TimeoutError:
            pass
        return answer


def test_20_strangers_get_no_further_than_the_session(roost: RoostProcess) -> None:
    """Hostile case 20."""
    assert httpx.get(f"{roost.base_url}/api/session").json()["user"] is None
    for path in ("/api/bots", "/api/threads", "/api/events", "/api/status", "/api/nothing"):
        answer = httpx.get(roost.base_url + path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in_required")


def test_34_35_a_rebound_name_reaches_nothing(roost: RoostProcess) -> None:
    """Hostile case 34. Hostile case 35."""
    for method, path in (("GET", "/api/session"), ("POST", "/auth/local"), ("GET", "/api/bots")):
        answer = httpx.request(method, roost.base_url + path, headers={"Host": "evil.tld"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_host")
        assert "set-cookie" not in answer.headers


def test_36_to_39_other_sites_change_nothing(owner: httpx.Client) -> None:
    """Hostile case 36. Hostile case 37. Hostile case 38. Hostile case 39. Hostile case 41."""
    before = owner.get("/api/threads").json()["items"]
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        assert owner.post("/api/threads", json={}, headers=headers).status_code == 403
    assert owner.post("/api/threads", content="{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert owner.get("/api/threads").json()["items"] == before
    preflight = owner.options(
        "/api/threads", headers={"Origin": "http://evil.tld", "Sec-Fetch-Site": "cross-site"}
    )
    assert preflight.status_code == 403
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_62_to_68_bodies_that_mean_harm(owner: httpx.Client) -> None:
    """Hostile case 62. Hostile case 63. Hostile case 64. Hostile case 65. Hostile case 66. Hostile case
    67.
    """
    json_type = {"Content-Type": "application/json"}
    for body, status in (
        (b"[" * 100_000, 400),
        (b'{"every_s": NaN}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": "\\u0000"}', 422),
        (b'{"every_s": ' + b"9" * 5000 + b"}", 400),
        (b'{"name": "a", "name": "b"}', 400),
    ):
        answer = owner.post("/api/keys", content=body, headers=json_type)
        assert (answer.status_code, "error" in answer.json()) == (status, True), body[:30]


def test_68_a_body_over_the_cap_is_refused_however_it_comes(owner: httpx.Client) -> None:
    """Hostile case 68."""
    json_type = {"Content-Type": "application/json"}
    large = b'{"name": "' + b"x" * (1024 * 1024) + b'"}'
    assert owner.post("/api/keys", content=large, headers=json_type).status_code == 413
    chunked = owner.post("/api/keys", content=iter([large[:500_000], large[500_000:]]), headers=json_type)
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (413, "too_large")
    padded = owner.post(
        "/api/keys", content=iter([b'{"name": "a"}', b" " * (1024 * 1024)]), headers=json_type
    )
    assert padded.status_code == 413
    huge = owner.post("/api/keys", content=b" " * (10 * 1024 * 1024), headers=json_type)
    assert huge.status_code == 413
    assert owner.get("/api/keys").json()["items"] == []


def test_70_a_path_in_an_id_is_not_found(roost: RoostProcess, owner: httpx.Client) -> None:
    """Hostile case 70."""
    cookie = f"Cookie: roost_session={owner.cookies['roost_session']}\r\n".encode()
    for target in (
        b"/api/bots/../../x",
        b"/api/bots/%2e%2e%2f",
        b"/assets/../../../etc/passwd",
        b"/manual/..%2fx",
    ):
        answer = raw(
            roost,
            b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"Connection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 404"), target
        assert b"root:" not in answer


def test_85_one_person_cannot_take_all_streams(owner: httpx.Client) -> None:
    """Hostile case 85."""
    with ExitStack() as stack:
        statuses = [
            stack.enter_context(owner.stream("GET", "/api/events", timeout=5)).status_code for _ in range(10)
        ]
        assert statuses == [200] * 5 + [429] * 5
        assert owner.get("/api/session").status_code == 200


def test_86_slow_headers_do_not_hold_up_the_others(roost: RoostProcess) -> None:
    """Hostile case 86."""
    parts = urlsplit(roost.base_url)
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            slow = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=5))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        for _ in range(5):
            began = time.monotonic()
            assert httpx.get(f"{roost.base_url}/healthz", timeout=10).status_code == 200
            assert time.monotonic() - began < 5


def test_87_two_lengths_are_refused(roost: RoostProcess) -> None:
    """Hostile case 87."""
    smuggled = b"GET /api/keys HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw(
        roost,
        b"POST /api/session HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n" + smuggled,
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_88_trace_is_not_answered(roost: RoostProcess) -> None:
    """Hostile case 88."""
    for path in (b"/", b"/api/session"):
        answer = raw(
            roost,
            b"TRACE "
            + path
            + b" HTTP/1.1\r\nHost: localhost\r\nX-Secret: repeat me\r\nConnection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 405")
        assert b"repeat me" not in answer


def test_93_no_answer_shows_a_traceback(roost: RoostProcess, owner: httpx.Client) -> None:
    """Hostile case 93."""
    answers = [
        owner.get("/api/nothing").content,
        owner.post("/api/bots", content=b"{", headers={"Content-Type": "application/json"}).content,
        owner.request("PATCH", "/api/session").content,
        raw(roost, b"\x00\x01\x02 nonsense\r\n\r\n"),
        raw(roost, b"GET / HTTP/9.9\r\n\r\n"),
        raw(roost, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ]
    for answer in answers:
        assert answer
        assert b"Traceback" not in answer
        assert b".py" not in answer


def test_54_55_pages_carry_a_policy_that_stops_foreign_code(roost: RoostProcess) -> None:
    for path in ("/", "/api/session", "/manual/welcome", "/auth/link", "/nothing/here"):
        policy = httpx.get(roost.base_url + path).headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "img-src 'self' data:" in policy
        assert "unsafe" not in policy


def test_a_write_done_twice_over_two_connections_has_one_effect(
    roost: RoostProcess, owner: httpx.Client
) -> None:
    once = {"Idempotency-Key": "e2e-1"}
    first = owner.post("/api/keys", json={"name": "script"}, headers=once)
    with httpx.Client(base_url=roost.base_url, cookies=owner.cookies) as other:
        again = other.post("/api/keys", json={"name": "script"}, headers=once)
    assert again.json() == first.json()
    key = first.json()
    by_key = httpx.get(f"{roost.base_url}/api/keys", headers={"Authorization": f"Bearer {key['key']}"})
    assert [each["id"] for each in by_key.json()["items"]] == [key["id"]]
    assert owner.delete(f"/api/keys/{key['id']}").status_code == 204


def test_a_stop_tells_every_open_stream(tmp_path: Path) -> None:
    with RoostProcess(tmp_path) as process:
        process.start()
        with process.client() as client, ExitStack() as stack:
            streams = [
                stack.enter_context(client.stream("GET", "/api/events", timeout=20)) for _ in range(20)
            ]
            texts: list[str] = []
            readers = [
                threading.Thread(target=lambda stream=stream: texts.append("".join(stream.iter_text())))
                for stream in streams
            ]
            for reader in readers:
                reader.start()
            assert process.terminate() == 0
            for reader in readers:
                reader.join(10)
        assert len(texts) == 20
        assert all("event: restart\ndata: {}" in text for text in texts)


def test_84_signing_in_without_end_is_refused(tmp_path: Path) -> None:
    """Hostile case 84."""
    with RoostProcess(tmp_path) as process:
        process.start()
        with httpx.Client(base_url=process.base_url) as client:
            answers = [client.post("/auth/local", json={}) for _ in range(200)]
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) == 30
        assert statuses.count(429) == 170
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert json.loads(answers[-1].content)["error"]["code"] == "too_many_attempts"
