"""An OpenAI-compatible chat endpoint on loopback that records what it was sent and fails as told.

In a test: `with FakeLlm() as llm: llm.say("Hello [1].")`. By hand: `python -m tests.fakes.fake_llm PORT`.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = str
FAULTS = (
    "refuse",  # the connection is closed before an answer
    "401",
    "404",
    "429",  # with Retry-After: 7
    "500",
    "no_stream_options",  # 400 as long as the field is sent
    "slow_first_byte",  # headers never come
    "slow_first_token",  # headers and keep-alive comments come, text never
    "stall",  # two words, then nothing
    "endless",  # text for ever
    "empty",  # [DONE] at once
    "silent",  # an empty body
    "html",  # 200 with a web page
    "hang_at_end",  # the whole answer, then the connection stays open
    "hang_up_at_end",  # the whole answer, then the connection is closed without a word
    "cut",  # two words, then the connection is cut
    "error_event",  # an error inside the stream
    "tool_calls",  # no text, only a call of a tool
    "huge_line",  # one line without an end
)


@dataclass(slots=True)
class Sent:
    """One request as it came."""

    path: str
    authorization: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """All messages' contents."""
        return "\n".join(message["content"] for message in self.body["messages"])


@dataclass
class FakeLlm:
    """`answer` makes the text from the request; `pause_s` lies between two pieces of it. `in_parts`: contents
    are lists, thoughts among them, as Mistral's are.
    """

    port: int = 0
    answer: Callable[[Sent], str] = lambda _: "Press start [1]."
    fault: Fault | None = None
    streams: bool = True
    in_parts: bool = False
    pause_s: float = 0.0
    piece_chars: int = 4
    finish_reason: str = "stop"
    usage_tokens: int | None = 42
    received: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.released = threading.Event()
        self.released.set()
        self.arrived = threading.Semaphore(0)
        self.hung_up = threading.Semaphore(0)
        self.connections = 0
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FakeLlm:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def say(self, text: str) -> None:
        self.answer = lambda _: text

    def hold(self) -> None:
        """Requests wait, without an answer, until `release`."""
        self.released.clear()

    def release(self) -> None:
        self.released.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    fake: FakeLlm

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.fake.connections += 1

    def do_POST(self) -> None:
        fake = self.server.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        sent = Sent(self.path, self.headers.get("Authorization", ""), body, dict(self.headers))
        fake.received.append(sent)
        fake.arrived.release()
        while not fake.released.wait(0.05):
            pass
        fault = fake.fault
        if fault == "refuse":
            self._hang_up()
        elif fault in ("401", "404", "429", "500"):
            key = sent.authorization.removeprefix("Bearer ")
            self._json(int(fault), {"error": {"message": f"Incorrect API key provided: {key}", "code": None}})
        elif fault == "no_stream_options" and "stream_options" in body:
            self._json(400, {"error": {"message": "Unrecognized request argument: stream_options"}})
        elif fault == "slow_first_byte":
            fake.closing.wait(60)
        elif fault == "html":
            self._plain(200, "text/html", b"<!doctype html><h1>Sign in to the hotel's network</h1>")
        elif body.get("stream") and fake.streams:
            self._stream(fake, sent)
        else:
            message = {"role": "assistant", "content": self._content(fake.answer(sent))}
            self._json(
                200,
                {
                    "choices": [{"index": 0, "message": message, "finish_reason": fake.finish_reason}],
                    "usage": {"total_tokens": fake.usage_tokens},
                },
            )

    def _stream(self, fake: FakeLlm, sent: Sent) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if fake.fault in ("silent", "huge_line", "slow_first_token", "error_event", "empty", "endless"):
            self._faulty(fake)
            return
        if fake.fault == "tool_calls":
            call = {"index": 0, "id": "c", "type": "function", "function": {"name": "rm", "arguments": "{}"}}
            self._chunk({"tool_calls": [call]})
            self._chunk({}, "tool_calls")
            self._end(fake)
            return
        text = fake.answer(sent)
        pieces = [text[at : at + fake.piece_chars] for at in range(0, len(text), fake.piece_chars)]
        for place, piece in enumerate(pieces):
            if place == 2 and fake.fault == "stall":
                fake.closing.wait(60)
                return
            if place == 2 and fake.fault == "cut":
                self._hang_up()
                return
            self._chunk({"content": self._content(piece)})
            if fake.pause_s:
                time.sleep(fake.pause_s)
        self._chunk({}, fake.finish_reason)
        if fake.fault == "hang_at_end":
            fake.closing.wait(60)
            return
        self._end(fake)
        if fake.fault == "hang_up_at_end":
            self._hang_up()
            fake.hung_up.release()

    def _content(self, text: str) -> Any:
        if not self.server.fake.in_parts:
            return text
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
        return [thought, {"type": "text", "text": text}]

    def _faulty(self, fake: FakeLlm) -> None:
        if fake.fault == "error_event":
            self._event(json.dumps({"error": {"message": "overloaded"}}))
        elif fake.fault == "empty":
            self._chunk({}, "stop")
            self._end(fake)
            return
        elif fake.fault == "endless":
            while not fake.closing.is_set():
                self._chunk({"content": "and so on "})
        elif fake.fault == "huge_line":
            while not fake.closing.is_set():
                self._bytes(b"data: " + b"x" * 65536)
        elif fake.fault == "slow_first_token":
            while not fake.closing.wait(0.02):
                self._bytes(b": keep-alive\n\n")
        self._bytes(b"")

    def _end(self, fake: FakeLlm) -> None:
        if fake.usage_tokens is not None:
            self._event(json.dumps({"choices": [], "usage": {"total_tokens": fake.usage_tokens}}))
        self._event("[DONE]")
        self._bytes(b"")

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        self._event(json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}))

    def _event(self, data: str) -> None:
        self._bytes(f"data: {data}\n\n".encode())

    def _bytes(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, document: dict[str, Any]) -> None:
        self._plain(status, "application/json", json.dumps(document).encode())

    def _plain(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    with FakeLlm(port=int(sys.argv[1])) as llm:
        llm.pause_s = 0.02
        threading.Event().wait()


if __name__ == "__main__":
    main()
