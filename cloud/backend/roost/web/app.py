"""The web application: Flask, with every request admitted, every answer guarded."""

from __future__ import annotations

from flask import Flask, Response, g, request

from roost.web import errors
from roost.web.admission import ANONYMOUS, METHODS, MethodRefused, admit
from roost.web.calls import Endpoint
from roost.web.front import SECURITY_HEADERS
from roost.web.html import serve_assets
from roost.web.requests import StrictRequest
from roost.web.routes import ROUTES
from roost.web.services import Services
from roost.web.shared import Shared
from roost.web.widget_cors import allow_pages_of_widgets


class _Flask(Flask):
    request_class = StrictRequest


def create_app(services: Services) -> Flask:
    """The application over these services. Cheap: resources, and what they import, load at first use."""
    app = _Flask("roost.web", static_folder=None, template_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    routes = {route.endpoint: route for route in ROUTES}
    shared = Shared(services.clock, services.settings.streams_per_person)

    for route in ROUTES:
        app.add_url_rule(
            route.rule,
            endpoint=route.endpoint,
            view_func=Endpoint(route, services, shared),
            methods=[route.method],
            provide_automatic_options=False,
        )

    serve_assets(app)
    allow_pages_of_widgets(app, services)

    @app.before_request
    def _admit() -> None:
        g.caller = ANONYMOUS
        endpoint = request.endpoint
        g.caller = admit(request, None if endpoint is None else routes.get(endpoint), services)

    @app.after_request
    def _guard(answer: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        shared.answered.count(answer.status_code)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @app.errorhandler(MethodRefused)
    def _method_refused(error: MethodRefused) -> Response:
        answer = errors.answer_json(errors.body_of(error), 405)
        answer.headers["Allow"] = ", ".join(sorted(METHODS))
        return answer

    errors.install(app)
    return app
