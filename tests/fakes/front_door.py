"""What stands before containers, as Cloud Run does: one address that leads to one or another of them."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

PIECE_BYTES = 65_536


class FrontDoor:
    """Passes connections on. `lead_to` cuts those that lead elsewhere: the browser makes new ones."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._listener.getsockname()[1]}"

    def lead_to(self, port: int) -> None:
        with self._lock:
            self._port = port
            cut, self._open = self._open, set()
        for each in cut:
            _shut(each)

    def __enter__(self) -> FrontDoor:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut(self._listener)
        self._listener.close()
        self.lead_to(0)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with self._lock:
            port = self._port
        try:
            server = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(PIECE_BYTES):
            target.sendall(part)
    _shut(source)
    _shut(target)


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
