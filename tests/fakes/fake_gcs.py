"""Google Cloud Storage's JSON API on loopback, with real preconditions and failures on demand.

The emulators on PyPI ignore generation preconditions. In a test:
`with FakeGcs() as gcs: gcs.fail("put", Fault(drop=True))`, and the real client library with `gcs.url` as its
endpoint. By hand: `python -m tests.fakes.fake_gcs PORT BUCKET`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c

Operation = Literal["get", "stat", "list", "put", "delete", "token"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request: the first that applies, after `delay_s`."""

    delay_s: float = 0
    status: int | None = None
    reset: bool = False  # the connection is reset before anything is done
    drop: bool = False  # it is done, then the connection is reset without an answer
    truncate: bool = False  # half of a download, then the connection ends
    corrupt: bool = False  # a download with a flipped bit


@dataclass(frozen=True, slots=True)
class Stored:
    """One generation of an object."""

    content: bytes
    generation: int
    metadata: dict[str, str]

    crc32c: str
    md5: str

    @classmethod
    def of(cls, content: bytes, generation: int, metadata: dict[str, str]) -> Stored:
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        return cls(content, generation, metadata, crc32c_of(content), base64.b64encode(md5).decode())

    def resource(self, bucket: str, name: str) -> dict[str, Any]:
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "size": str(len(self.content)),
            "metadata": self.metadata,
            "crc32c": self.crc32c,
            "md5Hash": self.md5,
        }


def crc32c_of(content: bytes) -> str:
    """As the service words it: base64 of the big-endian number."""
    return base64.b64encode(struct.pack(">I", google_crc32c.value(content))).decode()


@dataclass(slots=True)
class _Session:
    """A resumable upload under way."""

    bucket: str
    name: str
    query: dict[str, str]
    metadata: dict[str, Any]
    content: bytearray = field(default_factory=bytearray)
    stored: Stored | None = None


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class FakeGcs:
    """`buckets` maps a bucket's name to its objects; every access to them holds `lock`.

    `forbidden` answers 403 to everything, `stalled` lets nothing be answered while it is set,
    `one_write_a_second` answers 429 to a second write of one name within a second, `refuse_tokens` refuses
    every service account. `requests` are (operation, object's name).
    """

    def __init__(self, *buckets: str, port: int = 0) -> None:
        self.lock = threading.Lock()
        self.buckets: dict[str, dict[str, Stored]] = {name: {} for name in buckets or ("roost",)}
        self.forbidden = False
        self.one_write_a_second = False
        self.refuse_tokens = False
        self.requests: list[tuple[Operation, str]] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._faults: dict[Operation, deque[Fault]] = defaultdict(deque)
        self._generation = 1_700_000_000_000_000
        self._written_at_s: dict[tuple[str, str], float] = {}
        self._sessions: dict[str, _Session] = {}
        handler = type("Handler", (_Handler,), {"gcs": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def connections(self) -> int:
        """How many were made so far."""
        return self._server.connections

    def fail(self, operation: Operation, *faults: Fault) -> None:
        """These befall the next requests of this kind, one each."""
        with self.lock:
            self._faults[operation].extend(faults)

    def clear_faults(self) -> None:
        with self.lock:
            self._faults.clear()

    def stall(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def content(self, name: str, bucket: str = "roost") -> bytes:
        with self.lock:
            return self.buckets[bucket][name].content

    def generation(self, name: str, bucket: str = "roost") -> int:
        with self.lock:
            return self.buckets[bucket][name].generation

    def names(self, bucket: str = "roost") -> list[str]:
        with self.lock:
            return sorted(self.buckets[bucket])

    def place(
        self, name: str, content: bytes, metadata: dict[str, str] | None = None, bucket: str = "roost"
    ) -> int:
        """Stores an object as somebody else would; its generation."""
        with self.lock:
            return self._store(bucket, name, content, metadata or {}).generation

    def __enter__(self) -> FakeGcs:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flow()
        self._server.shutdown()
        self._server.server_close()

    def take_fault(self, operation: Operation, name: str) -> Fault:
        with self.lock:
            self.requests.append((operation, name))
            waiting = self._faults[operation]
            fault = waiting.popleft() if waiting else Fault()
        self._flowing.wait(120)
        time.sleep(fault.delay_s)
        return fault

    def objects(self, bucket: str) -> dict[str, Stored]:
        """Called with the lock held."""
        if self.forbidden:
            raise Refused(403, "nobody@example.test does not have storage.objects access to the bucket.")
        if bucket not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        return self.buckets[bucket]

    def find(self, bucket: str, name: str, query: dict[str, str]) -> Stored:
        """Called with the lock held."""
        stored = self.objects(bucket).get(name)
        if stored is None or query.get("generation", str(stored.generation)) != str(stored.generation):
            raise Refused(404, f"No such object: {bucket}/{name}")
        return stored

    def expect(self, bucket: str, name: str, query: dict[str, str]) -> None:
        """Both preconditions. Called with the lock held, together with what depends on them."""
        stored = self.objects(bucket).get(name)
        generation = str(stored.generation if stored else 0)
        if query.get("ifGenerationMatch", generation) != generation:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
        if query.get("ifGenerationNotMatch") == generation:
            raise Refused(304, "")

    def write(
        self, bucket: str, name: str, query: dict[str, str], content: bytes, given: dict[str, Any]
    ) -> Stored:
        with self.lock:
            self.expect(bucket, name, query)
            crc32c = crc32c_of(content)
            if given.get("crc32c", crc32c) != crc32c:
                raise Refused(400, "Provided CRC32C does not match the content.")
            now_s = time.monotonic()
            if self.one_write_a_second and now_s - self._written_at_s.get((bucket, name), -9) < 1:
                raise Refused(429, "The object exceeded the rate limit for object mutation operations.")
            self._written_at_s[bucket, name] = now_s
            return self._store(bucket, name, content, dict(given.get("metadata") or {}))

    def remove(self, bucket: str, name: str, query: dict[str, str]) -> None:
        with self.lock:
            self.find(bucket, name, query)
            self.expect(bucket, name, query)
            del self.buckets[bucket][name]

    def begin_session(self, bucket: str, name: str, query: dict[str, str], given: dict[str, Any]) -> str:
        with self.lock:
            self.expect(bucket, name, query)
            upload_id = f"upload{len(self._sessions)}"
            self._sessions[upload_id] = _Session(bucket, name, query, given)
        return upload_id

    def session(self, upload_id: str) -> _Session:
        with self.lock:
            if upload_id not in self._sessions:
                raise Refused(404, "No such upload.")
            return self._sessions[upload_id]

    def _store(self, bucket: str, name: str, content: bytes, metadata: dict[str, str]) -> Stored:
        self._generation += 1
        stored = self.buckets[bucket][name] = Stored.of(content, self._generation, metadata)
        return stored


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Else what follows the headers waits 40 ms for the client's acknowledgement of them."""

    gcs: FakeGcs

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self._body()
        where = re.fullmatch(r"(/upload|/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?", parts.path)
        bucket, name = (unquote(where[2]), unquote(where[3] or "")) if where else ("", "")
        operation = self._operation(where, name, query)
        fault = self.gcs.take_fault(operation, name or query.get("name", ""))
        if fault.reset:
            self._reset()
            return
        try:
            if fault.status is not None:
                raise Refused(fault.status, "as the test wishes")
            status, headers, content = self._do(operation, bucket, name, query, body)
        except Refused as refused:
            sent = json.dumps({"error": {"code": refused.status, "message": refused.message}}).encode()
            if operation == "get":
                sent = refused.message.encode()
            elif operation == "token":
                sent = json.dumps({"error": "invalid_grant", "error_description": refused.message}).encode()
            status, headers, content = refused.status, {}, sent
        if fault.drop:
            self._reset()
            return
        if fault.corrupt and content:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        self._send(status, headers, content, cut=fault.truncate)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # Clients in Go send their uploads so (RFC 9112, section 7.1).
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(chunks)

    def _operation(self, where: re.Match[str] | None, name: str, query: dict[str, str]) -> Operation:
        if where is None:
            return "token"
        if where[1] == "/upload":
            return "put"
        if self.command == "DELETE":
            return "delete"
        if not name:
            return "list"
        return "get" if query.get("alt") == "media" else "stat"

    def _do(
        self, operation: Operation, bucket: str, name: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        match operation:
            case "token":
                if self.gcs.refuse_tokens:
                    raise Refused(400, "Invalid JWT Signature.")
                return 200, {}, b'{"access_token": "made-up", "expires_in": 3600, "token_type": "Bearer"}'
            case "put":
                return self._upload(bucket, query, body)
            case "delete":
                self.gcs.remove(bucket, name, query)
                return 204, {}, b""
            case "list":
                return 200, {}, self._list(bucket, query)
            case "stat":
                with self.gcs.lock:
                    stored = self.gcs.find(bucket, name, query)
                return 200, {}, json.dumps(stored.resource(bucket, name)).encode()
            case "get":
                with self.gcs.lock:
                    stored = self.gcs.find(bucket, name, query)
                return self._download(bucket, name, stored)

    def _download(self, bucket: str, name: str, stored: Stored) -> tuple[int, dict[str, str], bytes]:
        resource = stored.resource(bucket, name)
        headers = {
            "X-Goog-Generation": str(stored.generation),
            "X-Goog-Hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            return 200, headers, stored.content
        size = len(stored.content)
        start, end = int(wanted[1]), min(int(wanted[2] or size - 1) + 1, size)
        if start >= size:
            if start == 0:
                return 200, headers, b""
            raise Refused(416, "The requested range cannot be satisfied.")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return 206, headers, stored.content[start:end]

    def _list(self, bucket: str, query: dict[str, str]) -> bytes:
        with self.gcs.lock:
            objects = dict(self.gcs.objects(bucket))
        after = base64.b64decode(query.get("pageToken", "")).decode()
        names = sorted(
            (
                name
                for name in objects
                if name.startswith(query.get("prefix", ""))
                and name >= query.get("startOffset", "")
                and name > after
            ),
            key=lambda name: name.encode(),
        )
        limit = int(query.get("maxResults", "1000"))
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if names[:limit]:
            answer["items"] = [objects[name].resource(bucket, name) for name in names[:limit]]
        if len(names) > limit:
            answer["nextPageToken"] = base64.b64encode(names[limit - 1].encode()).decode()
        return json.dumps(answer).encode()

    def _upload(self, bucket: str, query: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        given: dict[str, Any] = {}
        if "upload_id" in query:
            return self._continue_session(query["upload_id"], body)
        match query.get("uploadType"):
            case "media":
                name, content = query["name"], body
            case "multipart":
                given, content = self._parts(body)
                name = str(given.get("name") or query["name"])
            case "resumable":
                given = json.loads(body or b"{}")
                name = str(given.get("name") or query["name"])
                upload_id = self.gcs.begin_session(bucket, name, query, given)
                place = f"{self.gcs.url}/upload/storage/v1/b/{quote(bucket)}/o?upload_id={upload_id}"
                return 200, {"Location": place}, b""
            case other:
                raise Refused(400, f"Unknown upload type {other}")
        stored = self.gcs.write(bucket, name, query, content, given)
        return 200, {}, json.dumps(stored.resource(bucket, name)).encode()

    def _parts(self, body: bytes) -> tuple[dict[str, Any], bytes]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        boundary = BytesParser(policy=HTTP).parsebytes(head).get_boundary()
        _, about, rest = body.split(f"--{boundary}".encode(), 2)
        content = rest.split(b"\r\n\r\n", 1)[1].rsplit(f"\r\n--{boundary}--".encode(), 1)[0]
        return json.loads(about.split(b"\r\n\r\n", 1)[1]), content

    def _continue_session(self, upload_id: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        session = self.gcs.session(upload_id)
        if session.stored is None:
            span = re.fullmatch(r"bytes (\*|(\d+)-\d+)/(\*|\d+)", self.headers.get("Content-Range", ""))
            if span is None:
                raise Refused(400, "No Content-Range.")
            if span[2] is not None:
                del session.content[int(span[2]) :]
                session.content += body
            if span[3] == "*" or len(session.content) < int(span[3]):
                held = {"Range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
                return 308, held, b""
            session.stored = self.gcs.write(
                session.bucket, session.name, session.query, bytes(session.content), session.metadata
            )
        return 200, {}, json.dumps(session.stored.resource(session.bucket, session.name)).encode()

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        # SO_LINGER of zero seconds turns the close into a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    with FakeGcs(*sys.argv[2:], port=int(sys.argv[1])) as gcs:
        sys.stdout.write(f"STORAGE_EMULATOR_HOST={gcs.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
