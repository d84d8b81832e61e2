"""Which Roost a command speaks to: another machine's, the server on this folder, or the folder itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from roost.cli.connection import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S, Connection
from roost.errors import InvalidInput, SettingsError, Unavailable
from roost.settings import Settings
from roost.storage.data_folder import IN_USE, DataFolder
from roost.storage.server_file import ServerAddress, read_server_file

LOCK_WAIT_S = 5.0
READY_WAIT_S = 15.0
RETRY_S = 0.1
# The name by which a server knows itself on its own machine, whatever address it listens on.
HERE = "localhost"


class Unserved(Protocol):
    """The application on a data folder that no server uses. The folder is given back when the block ends."""

    @property
    def application(self) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]: ...

    @property
    def secret(self) -> str: ...

    def begin_crawling(self) -> None: ...

    def __enter__(self) -> Unserved: ...

    def __exit__(self, *_: Any) -> None: ...


OpenFolder = Callable[[Settings, DataFolder], AbstractContextManager[Unserved]]


@dataclass(frozen=True, slots=True)
class Place:
    """What the person said about which Roost is meant. Its repr holds no secret."""

    server: str | None
    api_key: str | None
    environ: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Place(server={self.server!r})"


@contextmanager
def reach(place: Place, open_folder: OpenFolder, note: Callable[[str], None]) -> Iterator[Connection]:
    """A connection to that Roost. Raises SettingsError, InvalidInput, Unavailable, Forbidden."""
    if place.server is not None:
        with _another(place.server, place.api_key, note) as connection:
            yield connection
        return
    settings = Settings.from_env(place.environ)
    folder = DataFolder(settings.data_dir, wait_s=0)
    address = take_or_find(folder)
    if address is None:
        with _unserved(open_folder(settings, folder)) as connection:
            yield connection
    else:
        with _served_here(settings.data_dir, address, note) as connection:
            yield connection


def take_or_find(folder: DataFolder) -> ServerAddress | None:
    """Where the folder's server is; or None: nobody uses it, and now this process holds it.

    Waits a moment for a command that uses the folder to end. Raises SettingsError.
    """
    deadline_s = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            folder.take()
        except SettingsError as error:
            if error.code != IN_USE:
                raise
        else:
            return None
        address = read_server_file(folder.path)
        if address is not None:
            return address
        if time.monotonic() > deadline_s:
            raise SettingsError(
                f"DATA_DIR {folder.path} is being used by another command or a server that is starting. "
                "Try again in a moment.",
                code=IN_USE,
            )
        time.sleep(RETRY_S)


def stands_by(data_dir: Path) -> bool:
    """Whether the server of this folder lives and is not ready at this moment."""
    address = read_server_file(data_dir)
    if address is None:
        return False
    with _client(address.url, address.secret, {"Host": HERE}) as client:
        try:
            return client.get("/readyz", timeout=CONNECT_TIMEOUT_S).status_code == 503
        except httpx.TransportError:
            return False


@contextmanager
def _unserved(opening: AbstractContextManager[Unserved]) -> Iterator[Connection]:
    with (
        opening as opened,
        httpx.Client(
            transport=httpx.WSGITransport(app=opened.application, remote_addr="127.0.0.1"),
            base_url=f"http://{HERE}",
            headers={"Authorization": f"Bearer {opened.secret}"},
        ) as client,
    ):
        yield Connection(client, served=False, begin_crawling=opened.begin_crawling)


@contextmanager
def _served_here(data_dir: Path, address: ServerAddress, note: Callable[[str], None]) -> Iterator[Connection]:
    with _client(address.url, address.secret, {"Host": HERE}) as client:
        client.auth = _SecretOfNow(data_dir, address.secret)
        _wait_until_ready(client, note)
        yield Connection(client, served=True)


class _SecretOfNow(httpx.Auth):
    """Each life of a server has a secret of its own: a command that outlives one asks with the next one's."""

    def __init__(self, data_dir: Path, secret: str) -> None:
        self._data_dir = data_dir
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._secret}"
        reply = yield request
        # A body may have been used up by the first attempt.
        if reply.status_code != httpx.codes.UNAUTHORIZED or request.method != "GET":
            return
        address = read_server_file(self._data_dir)
        if address is not None and address.secret != self._secret:
            self._secret = address.secret
            request.headers["Authorization"] = f"Bearer {self._secret}"
            yield request


@contextmanager
def _another(server: str, api_key: str | None, note: Callable[[str], None]) -> Iterator[Connection]:
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(
            f"{server!r} is no address. Give one that starts with http:// or https://.", field="server"
        )
    if not api_key:
        raise InvalidInput(
            f"{parts.hostname} needs an API key. Make one there under Settings, and set ROOST_API_KEY to it.",
            field="ROOST_API_KEY",
        )
    if parts.scheme == "http" and parts.hostname not in (HERE, "127.0.0.1", "::1"):
        note(f"The API key goes to {parts.hostname} unencrypted. Use https:// where you can.")
    with _client(server, api_key, {}) as client:
        yield Connection(client, served=True)


def _client(url: str, secret: str, headers: Mapping[str, str]) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {secret}", **headers},
        timeout=httpx.Timeout(REPLY_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        # A proxy of the environment has no business between a command and a server on this machine.
        trust_env="Host" not in headers,
    )


def _wait_until_ready(client: httpx.Client, note: Callable[[str], None]) -> None:
    """Raises Unavailable with the server's own reason when it takes too long."""
    deadline_s = time.monotonic() + READY_WAIT_S
    reason, told = "It does not answer.", False
    while True:
        try:
            reply = client.get("/readyz", timeout=CONNECT_TIMEOUT_S)
            if reply.status_code == 200:
                return
            reason = str(reply.json().get("reason") or "It is starting.")
        except (httpx.TransportError, ValueError):
            pass
        if time.monotonic() > deadline_s:
            raise Unavailable(f"The Roost on this machine is not ready: {reason} Try again later.")
        if not told:
            note("Waiting for the Roost on this machine to be ready.")
            told = True
        time.sleep(RETRY_S)
