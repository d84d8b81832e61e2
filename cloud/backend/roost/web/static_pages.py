"""The built page, served without the application: read once, compressed once, from memory."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

StartResponse = Callable[..., Any]

INDEX = "index.html"
COMPRESSED_FROM_BYTES = 1024
# Vite puts a hash of the content into the names of everything under assets/.
IMMUTABLE_UNDER = "assets/"


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    compressed: bytes | None
    content_type: str
    etag: str
    immutable: bool


class StaticPages:
    """Files of one folder by their path below it. Only what was there is served: no path is ever joined."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Path] | None = None
        self._files: dict[str, StaticFile] = {}

    def find(self, path: str) -> StaticFile | None:
        """The file at `path` ("/assets/app.js"); the index at "/"."""
        name = path.lstrip("/") or INDEX
        with self._lock:
            if self._known is None:
                self._known = {
                    file.relative_to(self._folder).as_posix(): file
                    for file in self._folder.rglob("*")
                    if file.is_file()
                }
            if name not in self._known:
                return None
            if name not in self._files:
                self._files[name] = _load(name, self._known[name])
            return self._files[name]

    @property
    def index(self) -> StaticFile | None:
        return self.find("/")


def respond(
    file: StaticFile,
    environ: dict[str, Any],
    start_response: StartResponse,
    headers: Iterable[tuple[str, str]],
) -> Iterable[bytes]:
    """Answers a GET or HEAD with the file, or 304 when the browser has it. `headers` are added."""
    sent = [
        ("Content-Type", file.content_type),
        ("ETag", file.etag),
        ("Vary", "Accept-Encoding"),
        ("Cache-Control", "public, max-age=31536000, immutable" if file.immutable else "no-cache"),
        *headers,
    ]
    if file.etag in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", sent)
        return []
    body = file.body
    if file.compressed is not None and "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        body = file.compressed
        sent.append(("Content-Encoding", "gzip"))
    sent.append(("Content-Length", str(len(body))))
    start_response("200 OK", sent)
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


def _load(name: str, path: Path) -> StaticFile:
    body = path.read_bytes()
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = content_type.startswith("text/") or content_type.endswith(("javascript", "json", "xml"))
    small = gzip.compress(body, 6, mtime=0) if is_text and len(body) >= COMPRESSED_FROM_BYTES else None
    return StaticFile(
        body=body,
        compressed=small,
        content_type=f"{content_type}; charset=utf-8" if is_text else content_type,
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        immutable=name.startswith(IMMUTABLE_UNDER),
    )
