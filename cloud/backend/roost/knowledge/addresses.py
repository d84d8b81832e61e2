"""Which addresses Roost may dial on somebody's behalf: plainly public ones, and those the operator allowed.

A source's address comes from a person, a page or a redirect, so it may aim at the machine's own network
(server-side request forgery). The rules are pure; the resolver is handed in. Whoever dials must dial the
addresses that `AddressPolicy.resolve` returned, never the name again: a second resolution undoes the check.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from roost.errors import AddressRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_LIMIT = 2_048
DEFAULT_PORTS = {"http": 80, "https": 443}

_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        # The IANA special-purpose registry (RFC 6890), multicast and class E: `is_global` and `is_private`
        # of the standard library each miss some.
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # Azure answers virtual machines' metadata and agent calls here, out of a public range.
        "168.63.129.16/32",
    )
)
# Only 2000::/3 is handed out as unicast. Outside it lie mapped (::ffff), NAT64 (64:ff9b), unique local and
# link-local addresses.
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone, returned
        "3fff::/20",  # documentation
    )
)
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$")


def is_plainly_public(address: IPAddress) -> bool:
    """Whether `address` is an ordinary host on the internet, for certain."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_V4)
    return (
        address.scope_id is None
        and address in _GLOBAL_UNICAST_V6
        and not any(address in block for block in _NOT_PUBLIC_V6)
    )


class Resolver(Protocol):
    def resolve(self, host: str, timeout_s: float) -> Sequence[IPAddress]:
        """All addresses of `host`. Raises OSError (TimeoutError is one) when there are none to be had."""
        ...


class SystemResolver:
    """The operating system's resolver, which has no time limit of its own."""

    def resolve(self, host: str, timeout_s: float) -> Sequence[IPAddress]:
        outcome: list[Sequence[IPAddress] | OSError] = []

        def ask() -> None:
            try:
                outcome.append(_system_addresses(host))
            except (OSError, UnicodeError) as error:
                outcome.append(error if isinstance(error, OSError) else OSError(str(error)))

        asker = threading.Thread(target=ask, name="resolver", daemon=True)
        asker.start()
        asker.join(timeout_s)
        if not outcome:
            raise TimeoutError(f"no answer about {host} within {timeout_s:.1f} s")
        if isinstance(outcome[0], OSError):
            raise outcome[0]
        return outcome[0]


def _system_addresses(host: str) -> Sequence[IPAddress]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    # An IPv4 address first: a container often has an IPv6 address and no route for it.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return tuple(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An http or https address in one normal form: host in ASCII and lower case, no userinfo, no fragment."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return urlunsplit((self.scheme, self.netloc, self.path, self.query, ""))

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """An entry of ALLOW_PRIVATE_SOURCES: `host` allows its ports 80 and 443, `host:port` that port."""

    host: str
    ports: frozenset[int]

    @classmethod
    def parse(cls, entry: str) -> AllowedHost:
        """Raises AddressRefused when the entry names no host."""
        address = parse_address(f"http://{entry.strip()}/")
        named_a_port = re.search(r":\d+$", entry.strip()) is not None
        return cls(address.host, frozenset({address.port}) if named_a_port else frozenset({80, 443}))


def parse_address(url: str) -> WebAddress:
    """The normal form of `url`. Raises AddressRefused for what is no plain web address; resolves nothing."""
    text = url.strip()
    if len(text) > URL_LIMIT:
        raise _refused("address_malformed", f"The address is longer than {URL_LIMIT} characters. Shorten it.")
    if not text.isprintable() or any(character in text for character in ' \\<>"'):
        raise _refused(
            "address_malformed", "The address holds characters that no address has. Copy it again."
        )
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in DEFAULT_PORTS or not rest.startswith("//"):
        raise _refused("address_scheme", "Only http and https addresses can be read. Begin it with https://.")
    # Parsers disagree on `http://ok#@127.0.0.1/`, so an @ anywhere before the first slash is refused.
    if "@" in rest[2:].partition("/")[0]:
        raise _refused("address_userinfo", "The address holds an @ before its path. Leave out the user name.")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = _normal_host(parts.hostname or "")
    except ValueError as error:
        raise _refused("address_malformed", "This is no web address. Check its spelling.") from error
    scheme = scheme.lower()
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    port = DEFAULT_PORTS[scheme] if port is None else port
    return WebAddress(scheme, host, port, _without_dots(path), query)


def _normal_host(host: str) -> str:
    """ASCII and lower case; an IPv4 address in any notation in its dotted form. Raises ValueError."""
    if ":" in host:
        return str(ipaddress.IPv6Address(host))
    if not host.isascii():
        import idna  # needed for few hosts, and slow to import

        host = idna.encode(host, uts46=True).decode("ascii")
    host = host.lower().removesuffix(".")
    if _ENDS_IN_NUMBER.search(host):
        # The C library reads 2852039166, 0xa9fea9fe, 0177.0.0.1 and 127.1 as addresses, and so do browsers.
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(host)))
        except OSError as error:
            raise ValueError(f"{host!r} ends in a number and is no IPv4 address") from error
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise ValueError(f"{host!r} is no host name")
    return host


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4: a path without `.` and `..` segments."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


class AddressPolicy:
    """Says which web addresses may be dialled, and at which checked IP addresses."""

    def __init__(self, resolver: Resolver, allowed: Iterable[AllowedHost] = ()) -> None:
        self._resolver = resolver
        self._allowed: dict[str, frozenset[int]] = {}
        for entry in allowed:
            self._allowed[entry.host] = self._allowed.get(entry.host, frozenset()) | entry.ports

    def is_allowed_private(self, host: str, port: int) -> bool:
        """Whether the operator allowed this host and port by name, wherever it lies."""
        return port in self._allowed.get(host, frozenset())

    def refuse_unless_allowed(self, host: str, port: int) -> None:
        """Raises AddressRefused unless this host may lead to others that the operator allowed."""
        if not self.is_allowed_private(host, port):
            raise _refused(
                "address_private",
                "It is in a private network, and this site is not. Add the address there as a source.",
            )

    def parse(self, url: str) -> WebAddress:
        """`url` in its normal form, if all but the name's resolution allows it. Raises AddressRefused."""
        address = parse_address(url)
        self._refuse_port_or_name(address.host, address.port)
        return address

    def check(self, url: str, timeout_s: float) -> None:
        """Raises AddressRefused unless `url`, and all that its name resolves to now, may be dialled."""
        address = self.parse(url)
        self.resolve(address.host, address.port, timeout_s)

    def resolve(self, host: str, port: int, timeout_s: float) -> tuple[IPAddress, ...]:
        """The addresses of `host` to dial at `port`: resolved once, refused if any one is not public.

        Raises AddressRefused; with code `address_unresolvable` when the name has no address now.
        """
        self._refuse_port_or_name(host, port)
        literal = _literal(host)
        if literal is not None:
            return (literal,)
        try:
            found = tuple(self._resolver.resolve(host, timeout_s))
        except OSError as error:
            raise _unresolvable(host) from error
        if not found:
            raise _unresolvable(host)
        if not self.is_allowed_private(host, port) and not all(map(is_plainly_public, found)):
            raise _private(host, port)
        return found

    def _refuse_port_or_name(self, host: str, port: int) -> None:
        if self.is_allowed_private(host, port):
            return
        literal = _literal(host)
        if literal is not None and not is_plainly_public(literal):
            raise _private(host, port)
        # A name without a dot, and these suffixes, can only mean something in a local network.
        if literal is None and ("." not in host or host.endswith(_LOCAL_SUFFIXES)):
            raise _private(host, port)
        if port not in (80, 443):
            raise _refused(
                "address_port",
                f"Port {port} is not one of the web (80 and 443). Use the site's public address, or add "
                f"{host}:{port} to ALLOW_PRIVATE_SOURCES if this is a server of yours.",
            )


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(code: str, message: str) -> AddressRefused:
    return AddressRefused(message, code=code, field="url")


def _private(host: str, port: int) -> AddressRefused:
    entry = f"[{host}]" if ":" in host else host
    entry = entry if port in (80, 443) else f"{entry}:{port}"
    return _refused(
        "address_private",
        f"{host} is not on the public internet, so Roost does not connect to it. Use a public address, or "
        f"add {entry} to ALLOW_PRIVATE_SOURCES if this is a server of yours.",
    )


def _unresolvable(host: str) -> AddressRefused:
    return _refused(
        "address_unresolvable",
        f"The name {host} leads nowhere. Check its spelling, or try again later.",
    )
