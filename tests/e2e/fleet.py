"""Several containers on one bucket, each with a disk of its own, and the Telegram they serve."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from roost.clock import SystemClock, SystemIds
from roost.replication.directory_store import DirectoryStore
from roost.replication.gcs import GcsStore
from roost.replication.object_store import ObjectStore
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import TOKEN, wait_for
from tests.fakes.fake_gcs import FakeGcs
from tests.fakes.fake_telegram import FakeTelegram

KEY = "a key of more than thirty-two characters"
TTL_S = 4


class Fleet:
    """`container` makes a server that is not started yet; all of them end with the fleet."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        store: ObjectStore,
        telegram: FakeTelegram,
        stack: ExitStack,
    ) -> None:
        self.store = store
        self.telegram = telegram
        self._folder = folder
        self._environ = environ
        self._stack = stack

    def container(self, name: str, revision: str = "one", **environ: str) -> RoostProcess:
        settings = {
            **self._environ,
            "SECRET_KEY": KEY,
            "LEASE_TTL_S": str(TTL_S),
            "SHIP_INTERVAL_S": "0.5",
            "K_REVISION": revision,
            "TELEGRAM_API_BASE_URL": self.telegram.url,
            **environ,
        }
        return self._stack.enter_context(RoostProcess(self._folder / name, settings))


@contextmanager
def fleet(folder: Path, gcs: FakeGcs | None = None) -> Iterator[Fleet]:
    """On a folder, or on Cloud Storage."""
    with ExitStack() as stack:
        telegram = stack.enter_context(FakeTelegram())
        telegram.add(TOKEN)
        store: ObjectStore
        if gcs is None:
            environ = {"BUCKET_DIR": str(folder / "bucket")}
            store = DirectoryStore(folder / "bucket", SystemClock())
        else:
            environ = {"GCS_BUCKET_NAME": "roost", "STORAGE_EMULATOR_HOST": gcs.url}
            store = GcsStore("roost", None, gcs.url)
            stack.callback(store.close)
        yield Fleet(folder, environ, store, telegram, stack)


class Writing:
    """Somebody who goes on making conversations, at whichever container takes them, as the page does: what is
    refused with 503 is sent again under the same id. `acknowledged` has the id and the moment of each,
    `tried` every id that was ever sent.
    """

    def __init__(self, *containers: RoostProcess, pause_s: float = 0.005) -> None:
        self._pause_s = pause_s
        self._ids = SystemIds(SystemClock())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._clients = [(container, httpx.Client(timeout=5)) for container in containers]
        self._cookies: dict[str, httpx.Cookies] = {}
        self.acknowledged: list[tuple[str, float]] = []
        self.tried: set[str] = set()
        self.by: dict[str, str] = {}
        self.refused: set[str] = set()
        self.other: list[str] = []

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)
        for _container, client in self._clients:
            client.close()

    @property
    def ids(self) -> set[str]:
        return {made for made, _ in self.acknowledged}

    def until(self, count: int) -> None:
        wait_for(lambda: len(self.acknowledged) >= count, f"{count} are acknowledged", within_s=40)

    def _run(self) -> None:
        while not self._done.is_set():
            self._write(self._ids.new())
            self._done.wait(self._pause_s)

    def _write(self, thread_id: str) -> None:
        self.tried.add(thread_id)
        while not self._done.is_set():
            for container, client in self._clients:
                if self._send(container, client, thread_id):
                    self.acknowledged.append((thread_id, time.monotonic()))
                    self.by[thread_id] = container.base_url
                    return
            self._done.wait(0.02)

    def _send(self, container: RoostProcess, client: httpx.Client, thread_id: str) -> bool:
        if not container.base_url:
            return False
        try:
            if container.base_url not in self._cookies:
                signed_in = client.post(f"{container.base_url}/auth/local", json={})
                if signed_in.status_code != 200:
                    return False
                self._cookies[container.base_url] = httpx.Cookies(signed_in.cookies)
            client.cookies = self._cookies[container.base_url]
            reply = client.post(f"{container.base_url}/api/threads", json={"id": thread_id})
        except httpx.TransportError:
            return False
        if reply.status_code == 503:
            self.refused.add(reply.json()["error"]["code"])
        elif reply.status_code == 401:
            del self._cookies[container.base_url]
        elif reply.status_code not in (200, 201):
            self.other.append(f"{reply.status_code} {reply.text}")
        return reply.status_code in (200, 201)


def add_bot(roost: RoostProcess, telegram: FakeTelegram) -> None:
    with roost.client() as client:
        reply = client.post("/api/bots", json={"platform": "telegram", "token": TOKEN, "start": True})
        assert reply.status_code == 201, reply.text
    wait_for(lambda: telegram.polling() == 1, "the bot polls")


def threads(roost: RoostProcess) -> set[str]:
    """All of them, page by page."""
    found: set[str] = set()
    with roost.client() as client:
        cursor: str | None = None
        while True:
            query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            reply = client.get("/api/threads", params=query)
            assert reply.status_code == 200, reply.text
            page = reply.json()
            found |= {each["id"] for each in page["items"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found


def state(roost: RoostProcess) -> str:
    """As /readyz tells it; "down" when nobody answers."""
    try:
        return str(httpx.get(f"{roost.base_url}/readyz", timeout=5).json()["state"])
    except (httpx.TransportError, ValueError):
        return "down"


def wait_shipped(roost: RoostProcess) -> None:
    """Until everything that was written is in the bucket."""
    with roost.client() as client:

        def shipped() -> bool:
            replication = client.get("/api/status").json()["replication"]
            return bool(replication["lag_s"] == 0 and replication["bytes_unshipped"] == 0)

        wait_for(shipped, "everything is in the bucket")


def require(found: set[str], *writings: Writing) -> None:
    """Everything that was acknowledged is there, and nothing that nobody sent."""
    acknowledged = set().union(*(writing.ids for writing in writings))
    assert acknowledged <= found, f"{len(acknowledged - found)} acknowledged writes are missing"
    unknown = found - set().union(*(writing.tried for writing in writings))
    assert not unknown, f"nobody wrote {unknown}"
