"""Where the page may send a browser: to a path of its own, never to another site."""

from __future__ import annotations

from urllib.parse import urlsplit

HOME = "/"
LENGTH_AT_MOST = 500
_NOT_PAGES = ("/api", "/auth", "/webhooks", "/widget")


def local_path(wanted: str | None) -> str:
    """`wanted` when it is the path of a page here, else the first page.

    Browsers read a backslash as a slash and drop tabs and line ends (WHATWG URL, section 4.4), so that
    `/\\evil` and `/%09/evil` would leave the site.
    """
    if wanted is None or not 0 < len(wanted) <= LENGTH_AT_MOST:
        return HOME
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return HOME
    if not wanted.isascii() or not wanted.isprintable() or " " in wanted:
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc:
        return HOME
    if any(parts.path == taken or parts.path.startswith(taken + "/") for taken in _NOT_PAGES):
        return HOME
    return wanted
