"""Reads one web address at a time: politely, within bounds, and only from where the address policy allows.

The check happens at the one place where a socket is opened: the name is resolved once, every address is
checked, and a checked address is dialled, while the Host header and TLS still name the original host. So
neither a redirect nor a second DNS answer leads elsewhere. The environment gives no proxy or credential.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roost import __version__
from roost.clock import Clock
from roost.knowledge.addresses import AddressPolicy, IPAddress

if TYPE_CHECKING:
    from roost.knowledge.fetch_session import FetchSession

USER_AGENT = f"Roost/{__version__} (reads documentation for question answering; obeys robots.txt)"

BODY_LIMIT_BYTES = 5 * 1024 * 1024
TOTAL_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 4.0
REDIRECT_LIMIT = 5
CANCEL_CHECK_S = 0.25
HOST_INTERVAL_S = 0.2
LONGEST_PAUSE_S = 60.0
KEEP_ALIVE_S = 15.0
HOSTS_REMEMBERED = 1_000

PAGE_TYPES = frozenset(
    {"", "text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/x-markdown"}
)
PAGE_ACCEPT = "text/html,application/xhtml+xml,text/markdown;q=0.9,text/plain;q=0.8,*/*;q=0.1"
FEED_TYPES = frozenset(
    {
        "",
        "application/xml",
        "text/xml",
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/json",
        "application/gzip",
        "application/x-gzip",
        "application/octet-stream",
        "text/plain",
        "text/html",
    }
)
TEXT_TYPES = frozenset({"", "text/plain", "text/html", "application/octet-stream"})

Connect = Callable[[IPAddress, int, float], socket.socket]


def dial(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
    """Opens a TCP connection to exactly this address. Raises OSError."""
    opened = socket.create_connection((str(address), port), timeout_s)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of status 200. `url` is where it stood after redirects; `truncated`: cut at the cap.
    `robots_tags`: what its X-Robots-Tag headers say.
    """

    url: str
    content_type: str
    charset: str | None
    body: bytes
    etag: str | None
    last_modified: str | None
    truncated: bool
    robots_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that what we know still holds."""

    url: str


class HostPace:
    """When each host may be asked next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at: dict[str, float] = {}

    def claim(self, host: str, interval_s: float) -> float:
        """Takes the host's next turn and returns how many seconds away it is."""
        with self._lock:
            now = self._clock.monotonic_s()
            if len(self._next_at) > HOSTS_REMEMBERED:
                self._next_at = {name: at for name, at in self._next_at.items() if at > now}
            turn = max(now, self._next_at.get(host, now))
            self._next_at[host] = turn + interval_s
            return turn - now

    def hold_back(self, host: str, seconds: float) -> None:
        """Nobody asks this host for so long."""
        with self._lock:
            until = self._clock.monotonic_s() + seconds
            self._next_at[host] = max(until, self._next_at.get(host, until))


class SafeFetcher:
    """Opens sessions that share one pace per host. Hosts the operator allowed by name are not slowed down."""

    def __init__(
        self,
        policy: AddressPolicy,
        clock: Clock,
        sleep: Callable[[float], None],
        *,
        connect: Connect = dial,
        tls: ssl.SSLContext | None = None,
        interval_s: float = HOST_INTERVAL_S,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        self.policy = policy
        self.interval_s = interval_s
        self.total_timeout_s = total_timeout_s
        self.body_limit_bytes = body_limit_bytes
        self._clock = clock
        self._sleep = sleep
        self._connect = connect
        self._tls = tls
        self._pace = HostPace(clock)

    @contextmanager
    def session(self, cancelled: Callable[[], bool]) -> Iterator[FetchSession]:
        """Connections for one crawl and one thread. `cancelled` ends whatever waits in a quarter second."""
        import httpcore  # with what it imports, too slow for the start of the server

        from roost.knowledge.checked_network import Budget, CheckedBackend
        from roost.knowledge.fetch_session import FetchSession

        if self._tls is None:
            self._tls = _system_trust()
        budget = Budget(self._clock, cancelled)
        backend = CheckedBackend(self.policy, self._connect, budget)
        with httpcore.ConnectionPool(
            ssl_context=self._tls, max_connections=4, keepalive_expiry=KEEP_ALIVE_S, network_backend=backend
        ) as pool:
            yield FetchSession(self, pool, budget, self._clock, self._sleep, self._pace)


def _system_trust() -> ssl.SSLContext:
    """The machine's certificate authorities and, for images that have none, certifi's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
