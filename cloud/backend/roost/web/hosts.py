"""Whose address a request was sent to, and whether it comes straight from this machine: from its
environment alone.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from roost.settings import Settings

Environ = dict[str, Any]

_FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def is_sent_to_us(environ: Environ, settings: Settings) -> bool:
    """False for a foreign name in Host or X-Forwarded-Host: DNS rebinding, or a proxy nobody configured."""
    forwarded = environ.get("HTTP_X_FORWARDED_HOST")
    return _is_ours(environ.get("HTTP_HOST", ""), settings) and (
        forwarded is None or _is_ours(forwarded, settings)
    )


def may_sign_in_locally(environ: Environ, settings: Settings) -> bool:
    """From this machine, to this machine, with nothing between: else a reverse proxy would open it to the
    world.
    """
    return (
        not settings.on_cloud_run
        and settings.public_url is None
        and is_loopback_name(settings.host)
        and is_direct_from_here(environ)
        and is_loopback_name(host_name(environ.get("HTTP_HOST", "")))
    )


def is_direct_from_here(environ: Environ) -> bool:
    """The peer is this machine, and no proxy says that it stands between."""
    return is_loopback_name(environ.get("REMOTE_ADDR") or "") and not any(
        name in environ for name in _FORWARDING
    )


def address_for_people(settings: Settings, environ: Environ) -> str:
    """Where people open Roost: PUBLIC_URL, else the address that this request was sent to, where that can be
    opened elsewhere too or is this machine's own.
    """
    if settings.public_url is not None:
        return settings.public_url
    if settings.on_cloud_run:
        return f"https://{environ.get('HTTP_HOST', '')}"
    shown = "localhost" if is_loopback_name(settings.host) or settings.host in _EVERYWHERE else settings.host
    port = environ.get("SERVER_PORT") if environ.get("SERVER_PORT") not in (None, "80") else settings.port
    return f"http://{shown}:{port}"


def peer_of(environ: Environ, settings: Settings) -> str:
    """Who sends this, for counting attempts: on Cloud Run, where everybody comes through Google's front end,
    the last address that it has written down.
    """
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", ""))
    if settings.on_cloud_run and forwarded:
        return forwarded.rpartition(",")[2].strip()[:64]
    return str(environ.get("REMOTE_ADDR") or "")


def visitor_of(environ: Environ, settings: Settings) -> str:
    """Whom a question on somebody's site comes from, for counting: an IPv4 address, or the /64 network of an
    IPv6 one, of which a household has a whole one.

    What a proxy on this machine or in its private network has written down last is believed: visitors come
    from elsewhere, and would else all be one.
    """
    peer = peer_of(environ, settings)
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    if forwarded and (peer == "" or _is_near(peer)):
        peer = forwarded
    try:
        address = ip_address(peer.strip("[]").partition("%")[0])
    except ValueError:
        return peer[:64]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _is_near(peer: str) -> bool:
    try:
        return ip_address(peer.strip("[]").partition("%")[0]).is_private
    except ValueError:
        return False


def is_loopback_name(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name of a Host header, without its port; empty when it is not well-formed (RFC 9110, section
    7.2).
    """
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or "]" in port:
        name, port = host.strip().lower(), ""
    if port and not port.isdecimal():
        return ""
    if name.startswith("[") != name.endswith("]") or any(character in name for character in "@/\\,# "):
        return ""
    return name


def _is_ours(host: str, settings: Settings) -> bool:
    name = host_name(host)
    if settings.public_url is not None and name == (urlsplit(settings.public_url).hostname or ""):
        return True
    if settings.on_cloud_run and settings.public_url is None and name.endswith(".run.app"):
        return True
    return is_loopback_name(name)
