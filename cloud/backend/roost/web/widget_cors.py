"""Which pages of other sites may read what a widget's addresses answer (Fetch standard, CORS protocol)."""

from __future__ import annotations

from flask import Flask, Response, request

from roost.web.services import Services

PREFIX = "/widget/v1/"
PREFLIGHT_KEPT_S = 600


def allow_pages_of_widgets(app: Flask, services: Services) -> None:
    """Names the page's origin where the widget's own list has it, on refusals too, so that the page can tell
    why. Credentials are never allowed: no cookie goes along, and none could be set.
    """

    def preflight(**_path: str) -> Response:
        return Response(status=204)

    app.add_url_rule(
        f"{PREFIX}<key>/<path:rest>",
        "a widget's preflight",
        preflight,
        methods=["OPTIONS"],
        provide_automatic_options=False,
    )

    @app.after_request
    def _name_origin(answer: Response) -> Response:
        if not request.path.startswith(PREFIX):
            return answer
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        origin = request.headers.get("Origin")
        if "Access-Control-Allow-Origin" in answer.headers:
            return answer
        answer.vary.add("Origin")
        key = request.path.removeprefix(PREFIX).partition("/")[0]
        if origin is None or not services.readiness.standing.ready:
            return answer
        readers = services.widgets.readable_by(key, origin)
        if readers is None:
            return answer
        answer.headers["Access-Control-Allow-Origin"] = readers
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_KEPT_S)
        else:
            answer.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return answer
