"""The few pages that are made on the server: no inline script or style, and everything in them is escaped."""

from __future__ import annotations

from html import escape
from importlib import resources

from flask import Flask, Response

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
    """The style and the script of these pages, from the package."""

    def asset(path: str) -> Response:
        name = path.rsplit("/", 1)[-1]
        text = resources.files("roost.web").joinpath("static", name).read_text("utf-8")
        answer = Response(text, content_type=f"{ASSETS[path]}; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag()
        return answer

    for path in ASSETS:
        app.add_url_rule(path, f"asset {path}", asset, defaults={"path": path}, methods=["GET"])
