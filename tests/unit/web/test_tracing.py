"""Log lines of a request carry its trace, in the form Cloud Logging groups by."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from roost import log
from roost.web.tracing import METADATA_PATH, CloudProject, Traced, trace_fields

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = {"HTTP_TRACEPARENT": f"00-{TRACE}-{SPAN}-01"}
FIELD = "logging.googleapis.com/trace"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("INFO", as_json=True, stream=stream)
    yield stream
    log.trace(None)
    root.handlers[:], root.level = handlers, level


def no_answer(status: str, headers: list[tuple[str, str]]) -> None:
    """Nothing here looks at statuses."""


def speaking(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    logging.getLogger("roost.test").info("begun")
    yield b"one"
    logging.getLogger("roost.test").info("streamed")
    yield b"two"


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_request_carries_its_trace_also_while_it_streams(lines: io.StringIO) -> None:
    list(Traced(speaking, lambda: "demo-project")(dict(PARENT), no_answer))
    assert [entry[FIELD] for entry in entries(lines)] == [f"projects/demo-project/traces/{TRACE}"] * 2
    assert entries(lines)[0]["logging.googleapis.com/spanId"] == SPAN
    assert entries(lines)[0]["logging.googleapis.com/trace_sampled"] is True


def test_the_next_request_of_the_thread_does_not_inherit_it(lines: io.StringIO) -> None:
    traced = Traced(speaking, lambda: "demo-project")
    list(traced(dict(PARENT), no_answer))
    list(traced({}, no_answer))
    assert [FIELD in entry for entry in entries(lines)] == [True, True, False, False]


def test_requests_side_by_side_keep_their_own(lines: io.StringIO) -> None:
    traced = Traced(speaking, lambda: "demo-project")
    both_begun = threading.Barrier(2, timeout=10)

    def serve(trace_id: str) -> None:
        answer = iter(traced({"HTTP_TRACEPARENT": f"00-{trace_id}-{SPAN}-00"}, no_answer))
        next(answer)
        both_begun.wait()
        list(answer)

    threads = [threading.Thread(target=serve, args=(digit * 32,)) for digit in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(entry[FIELD][-1] for entry in entries(lines)) == ["a", "a", "b", "b"]


def test_without_a_project_lines_carry_no_trace(lines: io.StringIO) -> None:
    list(Traced(speaking, lambda: None)(dict(PARENT), no_answer))
    assert FIELD not in entries(lines)[0]


def test_googles_own_header_counts_where_the_standard_one_is_missing() -> None:
    fields = trace_fields({"HTTP_X_CLOUD_TRACE_CONTEXT": f"{TRACE.upper()}/67667974448284343;o=1"}, "demo")
    assert fields == {
        FIELD: f"projects/demo/traces/{TRACE}",
        "logging.googleapis.com/spanId": SPAN,
        "logging.googleapis.com/trace_sampled": True,
    }
    short = trace_fields({"HTTP_X_CLOUD_TRACE_CONTEXT": TRACE}, "demo")
    assert short == {FIELD: f"projects/demo/traces/{TRACE}", "logging.googleapis.com/trace_sampled": False}


@pytest.mark.parametrize(
    "header",
    ["", "00", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}", "00-" + "g" * 32 + f"-{SPAN}-01", "x\n" * 50],
)
def test_a_malformed_trace_is_none(header: str) -> None:
    assert trace_fields({"HTTP_TRACEPARENT": header, "HTTP_X_CLOUD_TRACE_CONTEXT": header}, "demo") is None


@contextmanager
def metadata_server(*answers: tuple[int, str]) -> Iterator[tuple[int, list[str]]]:
    """Answers in turn, the last one again and again; notes the paths that were asked with Google's header."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Metadata-Flavor"] == "Google":
                asked.append(self.path)
            status, text = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Not on the test's output."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_the_project_is_asked_of_the_machine_and_asked_again_when_it_stumbles() -> None:
    with metadata_server((503, "later"), (200, "demo-project-7")) as (port, asked):
        project = CloudProject(None, "127.0.0.1", port, pause=lambda seconds: None)
        asking = project.find()
        assert asking is not None
        asking.join(10)
        assert project.id == "demo-project-7"
        assert asked == [METADATA_PATH] * 2


def test_a_configured_project_is_not_asked_for() -> None:
    project = CloudProject("demo")
    assert project.find() is None
    assert project.id == "demo"


def test_a_machine_that_never_answers_is_told_once_and_lines_go_without(lines: io.StringIO) -> None:
    with metadata_server((404, "<html>")) as (port, asked):
        project = CloudProject(None, "127.0.0.1", port, pause=lambda seconds: None)
        asking = project.find()
        assert asking is not None
        asking.join(20)
        assert project.id is None
        assert len(asked) == 5
    assert len(entries(lines)) == 1
    assert "carry no trace" in entries(lines)[0]["message"]
