"""The fetcher against real sockets: what it dials, what it cuts, and when it gives up."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from roost.clock import SystemClock
from roost.errors import AddressRefused, RemoteRejected, RemoteUnreachable
from roost.knowledge.addresses import AddressPolicy, AllowedHost, IPAddress
from roost.knowledge.fetch_session import FetchSession
from roost.knowledge.fetcher import (
    BODY_LIMIT_BYTES,
    FEED_TYPES,
    PAGE_TYPES,
    Fetched,
    NotModified,
    SafeFetcher,
)
from tests.fakes import docs_site as fake
from tests.fakes.docs_site import DocsSite, Reply

PUBLIC = "93.184.216.34"


class TurnResolver:
    """Gives each name its answers in turn; the last one stays."""

    def __init__(self, **answers: list[str]) -> None:
        self._answers = {name.replace("_", "."): list(listed) for name, listed in answers.items()}

    def resolve(self, host: str, timeout_s: float) -> Sequence[IPAddress]:
        listed = self._answers.get(host)
        if not listed:
            raise OSError("no such name")
        answer = listed.pop(0) if len(listed) > 1 else listed[0]
        return [ipaddress.ip_address(text) for text in answer.split()]


class RecordingConnector:
    """Notes every dial, and leads each one to the site on loopback."""

    def __init__(self, site: DocsSite) -> None:
        self._site = site
        self.dials: list[tuple[str, int]] = []

    def __call__(self, address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        self.dials.append((str(address), port))
        return socket.create_connection(("127.0.0.1", self._site.port), timeout_s)


@pytest.fixture
def site() -> Iterator[DocsSite]:
    with fake.docs_site() as running:
        yield running


def open_fetcher(site: DocsSite, resolver: TurnResolver | None = None, **options: object) -> SafeFetcher:
    policy = AddressPolicy(resolver or TurnResolver(), [AllowedHost.parse(site.allowed)])
    return SafeFetcher(policy, SystemClock(), time.sleep, **options)  # type: ignore[arg-type]


def read(fetcher: SafeFetcher, url: str) -> Fetched:
    with fetcher.session(lambda: False) as session:
        answer = session.get(url, PAGE_TYPES)
    assert isinstance(answer, Fetched)
    return answer


def test_the_checked_address_is_dialled_and_the_host_header_stays(site: DocsSite) -> None:
    site.pages["/guide?v=2"] = fake.html("Guide", "<p>Hello</p>")
    connector = RecordingConnector(site)
    fetcher = open_fetcher(site, TurnResolver(docs_example_com=[PUBLIC]), connect=connector)
    answer = read(fetcher, "http://docs.example.com/guide?v=2#part")
    assert connector.dials == [(PUBLIC, 80)]
    assert answer.url == "http://docs.example.com/guide?v=2"
    assert b"Hello" in answer.body
    assert answer.charset == "utf-8"
    sent = site.requests[0].headers
    assert sent["host"] == "docs.example.com"
    assert sent["user-agent"].startswith("Roost/")
    assert "cookie" not in sent


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/",
        "http://mixed.example.com/",  # Hostile case 12
        "http://inner.example.com/",
        "http://[::ffff:127.0.0.1]/",
        "http://docs.example.com:6379/",
    ],
)
def test_a_refused_address_is_never_dialled_and_an_allowed_host_is(site: DocsSite, url: str) -> None:
    site.pages["/"] = fake.html("Mine", "<p>An intranet page</p>")
    connector = RecordingConnector(site)
    resolver = TurnResolver(
        mixed_example_com=[f"{PUBLIC} 10.0.0.7"], inner_example_com=["127.0.0.1"], docs_example_com=[PUBLIC]
    )
    fetcher = open_fetcher(site, resolver, connect=connector)
    with pytest.raises(AddressRefused) as refusal:
        read(fetcher, url)
    assert refusal.value.code in ("address_private", "address_port")
    assert connector.dials == []
    assert b"intranet" in read(fetcher, site.url + "/").body
    assert connector.dials == [("127.0.0.1", site.port)]


def test_a_name_that_changes_its_address_is_dialled_at_the_checked_one_only(site: DocsSite) -> None:
    """Hostile case 13."""
    site.pages["/"] = Reply(b"<main>first</main>", headers={"Connection": "close"})
    connector = RecordingConnector(site)
    fetcher = open_fetcher(site, TurnResolver(rebind_example_com=[PUBLIC, "127.0.0.1"]), connect=connector)
    assert b"first" in read(fetcher, "http://rebind.example.com/").body
    with pytest.raises(AddressRefused) as refusal:
        read(fetcher, "http://rebind.example.com/")
    assert refusal.value.code == "address_private"
    assert connector.dials == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/computeMetadata/v1/", "address_private"),
        ("//[::1]/", "address_private"),
        ("http://inner.example.com/", "address_private"),
        ("file:///etc/passwd", "address_scheme"),
        ("http://docs.example.com:22/", "address_port"),
        ("http://user@docs.example.com/", "address_userinfo"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site: DocsSite, location: str, code: str) -> None:
    """Hostile case 14."""
    site.pages["/"] = fake.redirect(location)
    connector = RecordingConnector(site)
    resolver = TurnResolver(docs_example_com=[PUBLIC], inner_example_com=["10.0.0.7"])
    with pytest.raises(AddressRefused) as refusal:
        read(open_fetcher(site, resolver, connect=connector), "http://docs.example.com/")
    assert refusal.value.code == code
    assert connector.dials == [(PUBLIC, 80)]


def test_a_site_of_the_web_does_not_lead_to_a_host_that_was_allowed(site: DocsSite) -> None:
    """Whoever names the allowed host itself reads it; a foreign page must not aim Roost at it."""
    site.pages["/"] = fake.redirect(site.url + "/inner")
    site.pages["/inner"] = fake.html("Mine", "<p>An intranet page</p>")
    connector = RecordingConnector(site)
    fetcher = open_fetcher(site, TurnResolver(docs_example_com=[PUBLIC]), connect=connector)
    with pytest.raises(AddressRefused) as refusal:
        read(fetcher, "http://docs.example.com/")
    assert refusal.value.code == "address_private"
    assert connector.dials == [(PUBLIC, 80)]
    assert b"intranet" in read(fetcher, site.url + "/").body


def test_redirects_share_the_time_that_one_page_has(site: DocsSite) -> None:
    class Slow(dict[str, Reply]):
        def get(self, path: str, default: Reply | None = None) -> Reply | None:  # type: ignore[override]
            site.stopping.wait(0.6)
            return super().get(path, default)

    site.pages = Slow(
        {"/a": fake.redirect("/b"), "/b": fake.redirect("/c"), "/c": fake.html("C", "<p>End</p>")}
    )
    with pytest.raises(RemoteUnreachable) as failure:
        read(open_fetcher(site, total_timeout_s=1.0), site.url + "/a")
    assert failure.value.code == "timeout"


def test_redirects_within_the_rules_are_followed_and_the_last_address_is_told(site: DocsSite) -> None:
    site.pages["/old"] = fake.redirect("/newer")
    site.pages["/newer"] = fake.redirect(site.url + "/new", 301)
    site.pages["/new"] = fake.html("New", "<p>Moved here</p>")
    assert read(open_fetcher(site), site.url + "/old").url == site.url + "/new"


def test_a_ring_of_redirects_ends(site: DocsSite) -> None:
    site.pages["/a"] = fake.redirect("/b")
    site.pages["/b"] = fake.redirect("/a")
    with pytest.raises(RemoteRejected) as refusal:
        read(open_fetcher(site), site.url + "/a")
    assert refusal.value.code == "redirects"
    assert len(site.requests) == 6


def test_a_gzip_bomb_is_cut_while_it_unpacks(site: DocsSite) -> None:
    """Hostile case 18."""
    site.pages["/bomb"] = fake.gzip_bomb(200 * 1024 * 1024)
    with pytest.raises(RemoteRejected) as refusal:
        read(open_fetcher(site), site.url + "/bomb")
    assert refusal.value.code == "too_large"


def test_an_endless_body_is_cut_at_the_cap_and_may_be_kept(site: DocsSite) -> None:
    """Hostile case 18."""
    site.pages["/endless"] = fake.endless()
    fetcher = open_fetcher(site)
    with pytest.raises(RemoteRejected) as refusal:
        read(fetcher, site.url + "/endless")
    assert refusal.value.code == "too_large"
    with fetcher.session(lambda: False) as session:
        kept = session.get(site.url + "/endless", FEED_TYPES, keep_truncated=True)
    assert isinstance(kept, Fetched)
    assert kept.truncated
    assert len(kept.body) == BODY_LIMIT_BYTES


def test_a_page_that_announces_too_much_is_not_read(site: DocsSite) -> None:
    site.pages["/huge"] = Reply(
        headers={"Content-Length": str(50 * 1024 * 1024)}, stream=lambda stop: iter(())
    )
    with pytest.raises(RemoteRejected) as refusal:
        read(open_fetcher(site), site.url + "/huge")
    assert refusal.value.code == "too_large"


def test_one_byte_at_a_time_meets_the_total_deadline(site: DocsSite) -> None:
    """Hostile case 19."""
    site.pages["/slow"] = fake.dripping(0.05)
    started = time.monotonic()
    with pytest.raises(RemoteUnreachable) as failure:
        read(open_fetcher(site, total_timeout_s=0.6), site.url + "/slow")
    assert failure.value.code == "timeout"
    assert time.monotonic() - started < 5


def test_headers_that_drip_meet_the_total_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        peer, _ = listener.accept()
        with peer:
            try:
                for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000:
                    peer.sendall(bytes([letter]))
                    time.sleep(0.02)
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    port = listener.getsockname()[1]
    policy = AddressPolicy(TurnResolver(), [AllowedHost.parse(f"127.0.0.1:{port}")])
    fetcher = SafeFetcher(policy, SystemClock(), time.sleep, total_timeout_s=0.5)
    with pytest.raises(RemoteUnreachable) as failure:
        read(fetcher, f"http://127.0.0.1:{port}/")
    assert failure.value.code == "timeout"
    listener.close()


def test_a_crawl_that_is_stopped_lets_go_of_a_silent_server(site: DocsSite) -> None:
    site.pages["/silent"] = fake.dripping(30)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    with (
        pytest.raises(RemoteUnreachable) as failure,
        open_fetcher(site).session(stop.is_set) as session,
    ):
        session.get(site.url + "/silent", PAGE_TYPES)
    assert failure.value.code == "cancelled"
    assert time.monotonic() - started < 3


def test_a_known_page_is_asked_for_conditionally(site: DocsSite) -> None:
    site.pages["/"] = fake.html("Home", "<p>Same</p>")
    with open_fetcher(site).session(lambda: False) as session:
        first = session.get(site.url + "/", PAGE_TYPES)
        assert isinstance(first, Fetched)
        assert first.etag
        again = session.get(site.url + "/", PAGE_TYPES, etag=first.etag, last_modified=first.last_modified)
        assert again == NotModified(site.url + "/")
        site.pages["/"] = fake.html("Home", "<p>Different</p>")
        assert isinstance(session.get(site.url + "/", PAGE_TYPES, etag=first.etag), Fetched)


@pytest.mark.parametrize(
    ("reply", "code", "kind"),
    [
        (Reply(status=404), "gone", RemoteRejected),
        (Reply(status=410), "gone", RemoteRejected),
        (Reply(status=403), "http_status", RemoteRejected),
        (Reply(status=500), "http_status", RemoteUnreachable),
        (Reply(b"%PDF", content_type="application/pdf"), "content_type", RemoteRejected),
        (Reply(b"\x00", content_type="image/png"), "content_type", RemoteRejected),
        (Reply(b"x", headers={"Content-Encoding": "br"}), "encoding", RemoteRejected),
        (Reply(b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"}), "encoding", RemoteRejected),
    ],
)
def test_each_failure_has_its_code(
    site: DocsSite, reply: Reply, code: str, kind: type[RemoteRejected | RemoteUnreachable]
) -> None:
    site.pages["/page"] = reply
    with pytest.raises(kind) as failure:
        read(open_fetcher(site), site.url + "/page")
    assert failure.value.code == code
    assert "%PDF" not in failure.value.message


def test_packed_pages_are_unpacked(site: DocsSite) -> None:
    site.pages["/packed"] = fake.gzipped(fake.html("Packed", "<p>Inside</p>"))
    site.pages["/twice"] = Reply(
        gzip.compress(b"<p>one</p>") + gzip.compress(b"<p>two</p>"), headers={"Content-Encoding": "gzip"}
    )
    fetcher = open_fetcher(site)
    assert b"Inside" in read(fetcher, site.url + "/packed").body
    assert read(fetcher, site.url + "/twice").body == b"<p>one</p><p>two</p>"


class SteppingClock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic_s(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def busy(site: DocsSite, session: FetchSession, retry_after: str) -> RemoteUnreachable:
    site.pages["/"] = Reply(status=429, headers={"Retry-After": retry_after})
    with pytest.raises(RemoteUnreachable) as failure:
        session.get("http://docs.example.com/", PAGE_TYPES)
    return failure.value


def test_a_host_is_asked_at_its_pace_and_left_alone_as_long_as_it_asks(site: DocsSite) -> None:
    clock = SteppingClock()
    policy = AddressPolicy(TurnResolver(docs_example_com=[PUBLIC]))
    fetcher = SafeFetcher(policy, clock, clock.sleep, connect=RecordingConnector(site), interval_s=0.5)
    site.pages["/"] = fake.html("Home", "<p>x</p>")
    with fetcher.session(lambda: False) as session:
        for _ in range(4):
            session.get("http://docs.example.com/", PAGE_TYPES)
        assert clock.seconds == 1001.5
        session.crawl_delay_s = 3.0
        for _ in range(2):
            session.get("http://docs.example.com/", PAGE_TYPES)
        assert clock.seconds == 1005.0
        session.crawl_delay_s = 0.0
        assert busy(site, session, "20").retry_after_s == 20.0
        site.pages["/"] = fake.html("Home", "<p>x</p>")
        session.get("http://docs.example.com/", PAGE_TYPES)
        assert clock.seconds >= 1028.0
        assert busy(site, session, "a while").retry_after_s is None
        after_an_hour = (clock.now() + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        assert busy(site, session, after_an_hour).retry_after_s == pytest.approx(3600, abs=60)


def test_tls_names_the_original_host_while_the_checked_address_is_dialled(tmp_path: Path) -> None:
    names: list[str | None] = []
    certificate, server_side, client_side = self_signed(tmp_path, "docs.example.com")
    server_side.sni_callback = lambda _socket, name, _context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with server_side.wrap_socket(peer, server_side=True) as wrapped:
            wrapped.recv(65536)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello")

    threading.Thread(target=serve, daemon=True).start()
    dials: list[str] = []

    def connect(address: IPAddress, port: int, timeout_s: float) -> socket.socket:
        dials.append(f"{address}:{port}")
        return socket.create_connection(listener.getsockname(), timeout_s)

    policy = AddressPolicy(TurnResolver(docs_example_com=[PUBLIC]))
    fetcher = SafeFetcher(policy, SystemClock(), time.sleep, connect=connect, tls=client_side)
    assert read(fetcher, "https://docs.example.com/").body == b"hello"
    assert dials == [f"{PUBLIC}:443"]
    assert names == ["docs.example.com"]
    assert certificate.exists()
    listener.close()


def self_signed(folder: Path, host: str) -> tuple[Path, ssl.SSLContext, ssl.SSLContext]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "host.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(file)
    return file, server_side, ssl.create_default_context(cafile=str(file))
