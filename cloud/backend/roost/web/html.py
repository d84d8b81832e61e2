"""The few pages that are made on the server: no inline script or style, and everything in them is escaped."""

from __future__ import annotations

from html import escape
from importlib import resources

from flask import Flask, Response

NOT_BUILT = (
    "<p>Roost runs, but its page is not built. Run <code>./scripts/run</code>, which builds it, "
    "then open this again.</p>"
)
ASSETS = {"/auth/page.css": "text/css", "/auth/link.js": "text/javascript"}


def page(title: str, body: str, *, script: str | None = None) -> Response:
    """`body` is HTML already; `title` is text."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Roost</title><link rel="stylesheet" href="/auth/page.css">'
    )
    if script is not None:
        head += f'<script src="{escape(script)}" type="module"></script>'
    html = f"{head}</head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    return Response(html, content_type="text/html; charset=utf-8")


def serve_assets(app: Flask) -> None:
    """The style and script of these pages, from the package; and a word where the built page is missing."""

    def not_built() -> Response:
        answer = page("Not built yet", NOT_BUILT)
        answer.status_code = 503
        return answer

    def asset(path: str) -> Response:
        name = path.rsplit("/", 1)[-1]
        text = resources.files("roost.web").joinpath("static", name).read_text("utf-8")
        answer = Response(text, content_type=f"{ASSETS[path]}; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag()
        return answer

    # Asked only when there is no built page, which is served before the application.
    app.add_url_rule("/", "not built", not_built, methods=["GET"])
    for path in ASSETS:
        app.add_url_rule(path, f"asset {path}", asset, defaults={"path": path}, methods=["GET"])
