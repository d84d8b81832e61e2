"""A webhook's receiver on loopback that refuses, fails, hangs or drips as told."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class AlertSink:
    """`received` are the bodies that were accepted; `statuses` are used up first, then all is 204.

    A status of 0 sends a header every tenth of a second and never ends.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook?key=SECRET-OF-THE-HOOK"
        self.host = f"127.0.0.1:{port}"
        self.received: list[dict[str, Any]] = []
        self.calls = 0
        self.statuses: deque[int] = deque()


@contextmanager
def alert_sink() -> Iterator[AlertSink]:
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.calls += 1
            status = sink.statuses.popleft() if sink.statuses else 204
            if status == 0:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not stopped.wait(0.1):
                    try:
                        self.wfile.write(b"X: y\r\n")
                    except OSError:
                        return
                return
            if status < 300:
                sink.received.append(json.loads(body))
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink = AlertSink(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
