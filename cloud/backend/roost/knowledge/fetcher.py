"""Reads one web address at a time: politely, within bounds, and only from where the address policy allows.

The check happens at the one place where a socket is opened: the name is resolved once, every address is
checked, and a checked address is dialled, while the Host header and TLS still name the original host. So
neither a redirect nor a second DNS answer leads elsewhere. The environment gives no proxy or credential.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import httpcore

from roost import __version__
from roost.clock import Clock
from roost.errors import AddressRefused, RemoteError, RemoteRejected, RemoteUnreachable
from roost.knowledge.addresses import AddressPolicy, IPAddress, WebAddress
from roost.knowledge.decompression import inflate

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

_REDIRECTS = {301, 302, 303, 307, 308}

Connect = Callable[[IPAddress, int, float], socket.socket]


def dial(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
    """Opens a TCP connection to exactly this address. Raises OSError."""
    opened = socket.create_connection((str(address), port), timeout_s)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of status 200. `url` is where it stood after redirects; `truncated`: cut at the cap."""

    url: str
    content_type: str
    charset: str | None
    body: bytes
    etag: str | None
    last_modified: str | None
    truncated: bool


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that what we know still holds."""

    url: str


class _Cancelled(Exception):
    """The crawl was told to stop while it waited for the network."""


class _Budget:
    """How long the fetch under way may still take, and whether anybody wants it any more."""

    def __init__(self, clock: Clock, cancelled: Callable[[], bool]) -> None:
        self._clock = clock
        self._cancelled = cancelled
        self._ends_at = 0.0

    def start(self, seconds: float) -> None:
        self._ends_at = self._clock.monotonic_s() + seconds

    def left_s(self) -> float:
        """Raises httpcore.ReadTimeout when nothing is left, _Cancelled when nobody waits."""
        if self._cancelled():
            raise _Cancelled
        left = self._ends_at - self._clock.monotonic_s()
        if left <= 0:
            raise httpcore.ReadTimeout("the total time is used up")
        return left


class _BudgetedStream(httpcore.NetworkStream):
    """A socket whose every wait counts against the fetch's total, so that drips end."""

    def __init__(self, opened: socket.socket, budget: _Budget) -> None:
        self._socket = opened
        self._budget = budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the budget decides
        while True:
            self._socket.settimeout(min(self._budget.left_s(), CANCEL_CHECK_S))
            try:
                return self._socket.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the budget decides
        self._socket.settimeout(self._budget.left_s())
        try:
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the budget decides
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(self._budget.left_s())
        try:
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self._socket.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            self._socket.close()
            raise httpcore.ConnectError(str(error)) from error
        return _BudgetedStream(wrapped, self._budget)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        if info == "socket":
            return self._socket
        return None


class _CheckedBackend(httpcore.NetworkBackend):
    """The only door to the network: resolves, checks every address, dials a checked one."""

    def __init__(self, policy: AddressPolicy, connect: Connect, budget: _Budget) -> None:
        self._policy = policy
        self._connect = connect
        self._budget = budget

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the budget decides
        local_address: str | None = None,  # noqa: ARG002 - never set
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - never set
    ) -> httpcore.NetworkStream:
        failure: OSError | None = None
        for address in self._policy.resolve(host, port, self._budget.left_s()):
            try:
                opened = self._connect(address, port, min(self._budget.left_s(), CONNECT_TIMEOUT_S))
            except OSError as error:
                failure = error
            else:
                return _BudgetedStream(opened, self._budget)
        if isinstance(failure, TimeoutError):
            raise httpcore.ConnectTimeout(str(failure)) from failure
        raise httpcore.ConnectError(str(failure)) from failure


class _Pace:
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
        self._pace = _Pace(clock)

    @contextmanager
    def session(self, cancelled: Callable[[], bool]) -> Iterator[FetchSession]:
        """Connections for one crawl and one thread. `cancelled` ends whatever waits in a quarter second."""
        if self._tls is None:
            self._tls = _system_trust()
        budget = _Budget(self._clock, cancelled)
        backend = _CheckedBackend(self.policy, self._connect, budget)
        with httpcore.ConnectionPool(
            ssl_context=self._tls, max_connections=4, keepalive_expiry=KEEP_ALIVE_S, network_backend=backend
        ) as pool:
            yield FetchSession(self, pool, budget, self._clock, self._sleep, self._pace)


class FetchSession:
    """One crawl's way to the web."""

    def __init__(
        self,
        fetcher: SafeFetcher,
        pool: httpcore.ConnectionPool,
        budget: _Budget,
        clock: Clock,
        sleep: Callable[[float], None],
        pace: _Pace,
    ) -> None:
        self._fetcher = fetcher
        self._pool = pool
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._pace = pace
        self.crawl_delay_s = 0.0

    def get(
        self,
        url: str,
        accepted_types: frozenset[str],
        *,
        accept: str = PAGE_ACCEPT,
        etag: str | None = None,
        last_modified: str | None = None,
        keep_truncated: bool = False,
    ) -> Fetched | NotModified:
        """Reads `url`, following at most five redirects, each checked like the first address.

        `etag` and `last_modified` are what an earlier answer carried. Raises AddressRefused; RemoteRejected
        with code `gone` (404, 410), `too_large`, `content_type`, `encoding`, `redirects` or `http_status`;
        RemoteUnreachable with code `timeout`, `busy` (429 and 503, with `retry_after_s` where given),
        `http_status`, `connection` or `cancelled`.
        """
        headers = [("User-Agent", USER_AGENT), ("Accept", accept), ("Accept-Encoding", "gzip, deflate")]
        if etag:
            headers.append(("If-None-Match", etag))
        if last_modified:
            headers.append(("If-Modified-Since", last_modified))
        address = self._fetcher.policy.parse(url)
        left_s = self._fetcher.total_timeout_s
        for _ in range(REDIRECT_LIMIT + 1):
            self._wait_for_turn(address)
            started = self._clock.monotonic_s()
            self._budget.start(left_s)
            outcome = self._ask(address, headers, accepted_types, keep_truncated)
            if not isinstance(outcome, WebAddress):
                return outcome
            left_s -= self._clock.monotonic_s() - started
            address = outcome
        raise RemoteRejected(
            f"The page was redirected more than {REDIRECT_LIMIT} times. Use the address it should lead to.",
            code="redirects",
        )

    def _wait_for_turn(self, address: WebAddress) -> None:
        mine = self._fetcher.policy.is_allowed_private(address.host, address.port)
        interval_s = max(0.0 if mine else self._fetcher.interval_s, self.crawl_delay_s)
        wait_s = self._pace.claim(address.netloc, interval_s)
        while wait_s > 0:
            self._budget.start(CANCEL_CHECK_S)
            try:
                self._budget.left_s()
            except _Cancelled as stop:
                raise _stopped() from stop
            self._sleep(min(wait_s, CANCEL_CHECK_S))
            wait_s -= CANCEL_CHECK_S

    def _ask(
        self,
        address: WebAddress,
        headers: list[tuple[str, str]],
        accepted_types: frozenset[str],
        keep_truncated: bool,
    ) -> Fetched | NotModified | WebAddress:
        target = httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        )
        try:
            with self._pool.stream("GET", target, headers=[("Host", address.netloc), *headers]) as response:
                return self._read(address, response, accepted_types, keep_truncated)
        except _Cancelled as stop:
            raise _stopped() from stop
        except httpcore.TimeoutException as error:
            raise RemoteUnreachable(
                f"{address.host} did not answer in full within {self._fetcher.total_timeout_s:g} s. "
                "Roost tries again at the next crawl.",
                code="timeout",
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise RemoteUnreachable(
                f"{address.host} could not be reached ({_cause(error)}). Roost tries again later.",
                code="connection",
            ) from error

    def _read(
        self,
        address: WebAddress,
        response: httpcore.Response,
        accepted_types: frozenset[str],
        keep_truncated: bool,
    ) -> Fetched | NotModified | WebAddress:
        headers = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
        if response.status == HTTPStatus.NOT_MODIFIED:
            return NotModified(address.url)
        if response.status in _REDIRECTS and "location" in headers:
            return self._redirected(address, headers["location"])
        if response.status != HTTPStatus.OK:
            raise self._failure(address, response.status, headers.get("retry-after"))
        content_type, charset = _content_type(headers.get("content-type", ""))
        if content_type not in accepted_types:
            raise RemoteRejected(f"This is {content_type}, not a page of text.", code="content_type")
        limit = self._fetcher.body_limit_bytes
        length = headers.get("content-length", "")
        if not keep_truncated and length.isdecimal() and len(length) < 19 and int(length) > limit:
            raise _too_large(limit)
        body, truncated = inflate(
            response.iter_stream(), headers.get("content-encoding", "identity").lower(), limit
        )
        if truncated and not keep_truncated:
            raise _too_large(limit)
        return Fetched(
            url=address.url,
            content_type=content_type,
            charset=charset,
            body=body,
            etag=headers.get("etag"),
            last_modified=headers.get("last-modified"),
            truncated=truncated,
        )

    def _redirected(self, address: WebAddress, location: str) -> WebAddress:
        try:
            return self._fetcher.policy.parse(urljoin(address.url, location))
        except AddressRefused as refusal:
            raise AddressRefused(
                f"The page redirects to an address that Roost does not read. {refusal.message}",
                code=refusal.code,
                field="url",
            ) from refusal
        except ValueError as error:
            raise RemoteRejected(
                "The page redirects to something that is no address.", code="redirects"
            ) from error

    def _failure(self, address: WebAddress, status: int, retry_after: str | None) -> RemoteError:
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return RemoteRejected(f"The page does not exist (HTTP {status}).", code="gone")
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            pause_s = self._pause_s(retry_after)
            if pause_s is not None:
                self._pace.hold_back(address.netloc, min(pause_s, LONGEST_PAUSE_S))
            return RemoteUnreachable(
                f"{address.host} is busy (HTTP {status}).", code="busy", retry_after_s=pause_s
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return RemoteUnreachable(f"{address.host} failed (HTTP {status}).", code="http_status")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return RemoteRejected(f"The page is not open to the public (HTTP {status}).", code="http_status")
        return RemoteRejected(f"The server answered HTTP {status}.", code="http_status")

    def _pause_s(self, retry_after: str | None) -> float | None:
        """RFC 9110, section 10.2.3: seconds, or a date."""
        if retry_after is None:
            return None
        text = retry_after.strip()
        if text.isdecimal() and len(text) < 10:
            return float(text)
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return max(0.0, (aware - self._clock.now()).total_seconds())


def _content_type(header: str) -> tuple[str, str | None]:
    message = Message()
    message["Content-Type"] = header
    charset = message.get_param("charset")
    return (message.get_content_type() if header else ""), charset if isinstance(charset, str) else None


def _system_trust() -> ssl.SSLContext:
    """The machine's certificate authorities and, for images that have none, certifi's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _cause(error: Exception) -> str:
    """What went wrong on the wire, in few words; never what the other side sent."""
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "no secure connection came about"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return "the connection broke"


def _stopped() -> RemoteUnreachable:
    return RemoteUnreachable("The crawl was stopped.", code="cancelled")


def _too_large(limit_bytes: int) -> RemoteRejected:
    return RemoteRejected(f"The page is larger than {limit_bytes // 1024 // 1024} MB.", code="too_large")
