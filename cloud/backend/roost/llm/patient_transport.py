"""A blocking HTTP transport that looks up from its socket ten times a second.

A read that only ends when bytes come, or after a timeout of its own, can be stopped by nobody: not by the
person, not by the process's end, and an endpoint that sends a byte now and then holds it for ever. Here each
read waits in short slices and asks the request's patience in between. Imported only when an answer is
written.
"""

from __future__ import annotations

import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

from roost.llm.patience import Patience
from roost.services.ports import AddressGuard

SLICE_S = 0.1
CONNECTIONS = 100
KEPT_ALIVE = 20
KEPT_ALIVE_S = 30.0
RESOLVE_TIMEOUT_S = 3.0

_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def waiting_with(patience: Patience) -> Iterator[None]:
    """Requests of this thread are bound by `patience` until the block ends."""
    token = _patience.set(patience)
    try:
        yield
    finally:
        _patience.reset(token)


class PatientTransport(httpx2.BaseTransport):
    """HTTP/1.1 with kept-alive connections, no proxy, certificates checked. With a `guard` only the addresses
    it gives are dialled.

    The connections are kept here, not by httpcore2's pool: that one asks every idle socket whether it is
    still open, twice a request and under a lock that all answers share.
    """

    def __init__(self, guard: AddressGuard | None) -> None:
        self._tls = httpx2.create_ssl_context(trust_env=False)
        self._backend = _PatientBackend(guard)
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._gate = threading.Lock()
        self._idle: deque[httpcore2.HTTPConnection] = deque()
        self._closed = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises httpcore2's errors as they are."""
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore2.Request(
            method=request.method,
            url=url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        if not self._room.acquire(timeout=request.extensions["timeout"]["pool"]):
            raise httpcore2.PoolTimeout
        try:
            connection = self._take(url.origin)
            try:
                response = connection.handle_request(asked)
            except BaseException:  # closed and raised on - whatever broke off, it is not used again
                connection.close()
                raise
        except BaseException:  # released and raised on - else the room would shrink for ever
            self._room.release()
            raise
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, lambda: self._give_back(connection)),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Closes what is idle; a connection in use closes when its answer has been read."""
        with self._gate:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _take(self, origin: httpcore2.Origin) -> httpcore2.HTTPConnection:
        """The one used last, if it is still open: the others may grow old."""
        while True:
            with self._gate:
                if not self._idle:
                    break
                connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            connection.close()
        return httpcore2.HTTPConnection(
            origin,
            ssl_context=self._tls,
            keepalive_expiry=KEPT_ALIVE_S,
            network_backend=self._backend,
        )

    def _give_back(self, connection: httpcore2.HTTPConnection) -> None:
        surplus: httpcore2.HTTPConnection | None = connection
        with self._gate:
            if connection.is_idle() and not self._closed:
                self._idle.append(connection)
                oldest = self._idle[0]
                if len(self._idle) <= KEPT_ALIVE and not (oldest is not connection and oldest.has_expired()):
                    surplus = None
                else:
                    surplus = self._idle.popleft()
        if surplus is not None:
            surplus.close()
        self._room.release()


class _Body(httpx2.SyncByteStream):
    def __init__(self, response: httpcore2.Response, closed: Callable[[], None]) -> None:
        self._response = response
        self._closed: Callable[[], None] | None = closed

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except BaseException:  # closed and raised on - the client closes what it has read, not what broke off
            self.close()
            raise

    def close(self) -> None:
        closed, self._closed = self._closed, None
        try:
            self._response.close()
        finally:
            if closed is not None:
                closed()


class _PatientBackend(httpcore2.SyncBackend):
    def __init__(self, guard: AddressGuard | None) -> None:
        super().__init__()
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        if self._guard is None:
            return _PatientStream(super().connect_tcp(host, port, timeout, local_address, socket_options))
        failure: Exception = httpcore2.ConnectError("the name leads nowhere")
        for address in self._guard.resolve(host, port, timeout or RESOLVE_TIMEOUT_S):
            try:
                # The checked address, never the name again: it may lead elsewhere by now.
                stream = super().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _PatientStream(stream)
        raise failure


class _PatientStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        patience = _patience.get()
        while patience is not None:
            over = patience.over()
            if over is not None:
                raise httpcore2.ReadTimeout(over)
            try:
                received = self._stream.read(max_bytes, SLICE_S)
            except httpcore2.ReadTimeout:
                continue
            patience.received(len(received))
            return received
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _PatientStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
