"""Widgets, for the people who put them on their sites."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from flask import Response

from roost.domain import widgets as domain
from roost.domain.bots import UNSET
from roost.domain.images import media_type
from roost.services.widgets import NewWidget
from roost.web import payloads_widgets as payloads
from roost.web.calls import Call
from roost.web.hosts import address_for_people
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery

KEPT_S = 365 * 24 * 3600
SHORTLY_S = 300


def index(call: Call, query: ListQuery) -> payloads.WidgetList:
    """Your widgets, newest first; an owner's list has everybody's."""
    found = call.services.widgets.list(call.person, id_cursor(query.cursor), query.limit + 1)
    items = found[: query.limit]
    shown = _shown(call)
    return payloads.WidgetList(
        items=[shown(widget) for widget in items],
        next_cursor=make_id_cursor(items[-1].id if len(found) > query.limit else None),
    )


def create(call: Call, body: payloads.NewWidget) -> payloads.Widget:
    """Make a widget, and with it a key that may only ask."""
    shown = _shown(call)
    new = NewWidget(body.name, tuple(body.origins), body.bot_id, _look(body.look))
    return shown(call.services.widgets.create(call.person, new, call.once(shown)))


def get(call: Call, widget_id: str) -> payloads.Widget:
    """One widget."""
    return _shown(call)(call.services.widgets.get(call.person, widget_id))


def update(call: Call, widget_id: str, body: payloads.WidgetChange) -> payloads.Widget:
    """Change a widget; pages follow when they are loaded next."""
    sent = body.model_fields_set
    change = domain.WidgetChange(
        name=body.name if "name" in sent else UNSET,
        origins=tuple(body.origins) if "origins" in sent else UNSET,
        bot_id=body.bot_id if "bot_id" in sent else UNSET,
        look=_look(body.look) if "look" in sent else UNSET,
    )
    shown = _shown(call)
    return shown(call.services.widgets.change(call.person, widget_id, change, call.once(shown)))


def revoke(call: Call, widget_id: str) -> None:
    """Revoke a widget: its key opens nothing any more."""
    call.services.widgets.revoke(call.person, widget_id, call.once(lambda _: None))


def set_logo(call: Call, widget_id: str) -> payloads.Widget:
    """Give a widget the picture in its header: the body, 512 KiB at most."""
    picture = call.request.picture(call.route.upload)
    shown = _shown(call)
    return shown(call.services.widgets.set_logo(call.person, widget_id, picture, call.once(shown)))


def remove_logo(call: Call, widget_id: str) -> None:
    """Take the picture out of a widget's header."""
    call.services.widgets.remove_logo(call.person, widget_id, call.once(lambda _: None))


def logo(call: Call, widget_id: str, query: payloads.LogoQuery) -> Response:
    """The picture in a widget's header."""
    widgets = call.services.widgets
    return shown_logo(call, widgets.get(call.person, widget_id), query.name, "private")


def shown_logo(call: Call, widget: domain.Widget, name: str | None, kept_by: str) -> Response:
    """The picture; for ever under its own name, else until it may have changed."""
    current, content = call.services.widgets.logo_of(widget)
    answer = Response(content, content_type=media_type(current))
    kept = f"max-age={KEPT_S}, immutable" if name == current else f"max-age={SHORTLY_S}"
    answer.headers["Cache-Control"] = f"{kept_by}, {kept}"
    answer.set_etag(current.partition(".")[0])
    answer.make_conditional(call.request.environ)
    return answer


def shown_look(look: domain.Look) -> payloads.WidgetLook:
    return payloads.WidgetLook(
        title=look.title,
        greeting=look.greeting,
        accent=look.accent,
        scheme=look.scheme.value,
        position=look.position.value,
        starters=list(look.starters),
    )


def shown_to_pages(widget: domain.Widget) -> payloads.ShownLook:
    return payloads.ShownLook(**shown_look(widget.look).model_dump(), logo=widget.logo)


def _look(sent: payloads.WidgetLook | None) -> domain.Look:
    if sent is None:
        return domain.Look()
    return domain.Look(
        title=sent.title.strip(),
        greeting=sent.greeting.strip(),
        accent=sent.accent,
        scheme=domain.Scheme(sent.scheme),
        position=domain.Side(sent.position),
        starters=tuple(each.strip() for each in sent.starters),
    )


def _shown(call: Call) -> Callable[[domain.Widget], payloads.Widget]:
    address = address_for_people(call.services.settings, call.request.environ)

    def shown(widget: domain.Widget) -> payloads.Widget:
        source = escape(f"{address}/widget/v1/{widget.key}/widget.js")
        return payloads.Widget(
            id=widget.id,
            owner_id=widget.owner_id,
            name=widget.name,
            key=widget.key,
            origins=list(widget.origins),
            bot_id=widget.bot_id,
            look=shown_look(widget.look),
            logo=widget.logo,
            snippet=f'<script src="{source}" async></script>',
            created_at=widget.created_at,
            updated_at=widget.updated_at,
        )

    return shown
