"""One crawl's way to the web: redirects, conditional requests, caps, and what each failure means."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin

import httpcore

from roost.clock import Clock
from roost.errors import AddressRefused, RemoteError, RemoteRejected, RemoteUnreachable
from roost.knowledge.addresses import WebAddress
from roost.knowledge.checked_network import Budget, Cancelled
from roost.knowledge.decompression import inflate
from roost.knowledge.fetcher import (
    CANCEL_CHECK_S,
    LONGEST_PAUSE_S,
    PAGE_ACCEPT,
    REDIRECT_LIMIT,
    USER_AGENT,
    Fetched,
    HostPace,
    NotModified,
    SafeFetcher,
)

_REDIRECTS = {301, 302, 303, 307, 308}


class FetchSession:
    """One crawl's way to the web."""

    def __init__(
        self,
        fetcher: SafeFetcher,
        pool: httpcore.ConnectionPool,
        budget: Budget,
        clock: Clock,
        sleep: Callable[[float], None],
        pace: HostPace,
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
        # Some servers send tags in characters that no request may carry.
        if etag and etag.isascii():
            headers.append(("If-None-Match", etag))
        if last_modified and last_modified.isascii():
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
            except Cancelled as stop:
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
        except Cancelled as stop:
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
            robots_tags=tuple(
                text.decode("latin-1") for name, text in response.headers if name.lower() == b"x-robots-tag"
            ),
        )

    def _redirected(self, address: WebAddress, location: str) -> WebAddress:
        policy = self._fetcher.policy
        try:
            target = policy.parse(urljoin(address.url, location))
            # An allowed host is for whoever named it as a source, not for any site that points at it.
            if target.host != address.host and policy.is_allowed_private(target.host, target.port):
                policy.refuse_unless_allowed(address.host, address.port)
            return target
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
