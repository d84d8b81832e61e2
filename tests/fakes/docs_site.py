"""A documentation site on loopback that can misbehave: redirects, bombs, endless bodies, changing pages."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Reply:
    """What the site answers at a path. `stream` yields the body in parts, as slowly and long as it likes."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Callable[[threading.Event], Iterator[bytes]] | None = None
    conditional: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Mapping[str, str]


def html(title: str, body: str, head: str = "") -> Reply:
    """An ordinary documentation page with navigation around its `main`."""
    return Reply(
        f"<!doctype html><html><head><title>{title} - Example Docs</title>{head}</head><body>"
        f"<header>Example Docs</header><nav><a href='/'>Home</a></nav><main>"
        f"<h1 id='top'>{title}</h1>{body}</main>"
        "<footer>Copyright</footer></body></html>".encode()
    )


def text(body: str, content_type: str = "text/plain; charset=utf-8") -> Reply:
    return Reply(body.encode(), content_type=content_type)


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": location})


def missing() -> Reply:
    return Reply(b"<html><body><main><h1>Not here</h1></main></body></html>", status=404)


def sitemap(*urls: str) -> Reply:
    return sitemap_of("".join(f"<url><loc>{url}</loc></url>" for url in urls))


def sitemap_of(entries: str) -> Reply:
    """A sitemap of ready-made entries."""
    return Reply(
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode(),
        content_type="application/xml",
    )


def sitemap_index(*urls: str) -> Reply:
    entries = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return Reply(
        f'<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</sitemapindex>'.encode(),
        content_type="application/xml",
    )


def gzip_bomb(size_bytes: int) -> Reply:
    """A few kilobytes that unpack to `size_bytes` of one letter."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    megabyte = b"a" * 1024 * 1024
    packed = b"".join(packer.compress(megabyte) for _ in range(size_bytes // len(megabyte))) + packer.flush()
    return Reply(packed, headers={"Content-Encoding": "gzip"}, conditional=False)


def gzipped(reply: Reply) -> Reply:
    return Reply(
        gzip.compress(reply.body), content_type=reply.content_type, headers={"Content-Encoding": "gzip"}
    )


def endless(part: bytes = b"<p>and so on</p>" * 4096) -> Reply:
    def parts(stop: threading.Event) -> Iterator[bytes]:
        while not stop.is_set():
            yield part

    return Reply(stream=parts)


def dripping(interval_s: float = 1.0) -> Reply:
    """One byte at a time, for ever."""

    def parts(stop: threading.Event) -> Iterator[bytes]:
        while not stop.wait(interval_s):
            yield b"a"

    return Reply(stream=parts)


class DocsSite:
    """Serves `pages`, a table of paths (with their query) that a test may change while the site runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allowed(self) -> str:
        """The entry of ALLOW_PRIVATE_SOURCES that opens this site."""
        return f"127.0.0.1:{self.port}"

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)


@contextmanager
def docs_site() -> Iterator[DocsSite]:
    """A running site; it is down when the block ends."""

    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}))
            reply = site.pages.get(self.path, missing())
            etag = f'"{hashlib.sha256(reply.body).hexdigest()[:16]}"'
            known = reply.conditional and reply.status == 200 and reply.stream is None
            if known and self.headers.get("If-None-Match") == etag:
                self.send_response(304)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if known:
                self.send_header("ETag", etag)
            if reply.stream is None:
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                return
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for part in reply.stream(site.stopping):
                self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server passes
            """The test's output stays readable."""

    class Server(ThreadingHTTPServer):
        # Joined when the server closes, so that no connection outlives the test.
        daemon_threads = False

        def get_request(self) -> tuple[socket.socket, object]:
            accepted, address = super().get_request()
            connections.append(accepted)
            return accepted, address

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up in the middle is what half of these tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    site = DocsSite(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), name="docs-site", daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.stopping.set()
        server.shutdown()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join(5)
