"""Widgets: made, shown, changed and revoked by people; opened by the pages they were made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roost.clock import Clock, Ids
from roost.domain.accounts import Person, Role
from roost.domain.audit import Action
from roost.domain.bots import UNSET
from roost.domain.widgets import Look, Widget, WidgetChange, checked_accent, checked_origins
from roost.errors import Forbidden, NotFound
from roost.services.audit import Audit
from roost.services.images import Images
from roost.storage import widgets as stored
from roost.storage.bots import BotStore
from roost.storage.database import Transaction
from roost.storage.idempotency import Once, write_once

KEY_PREFIX = "w_"
KEY_BYTES = 16
KEY_LENGTH_AT_MOST = 64
WIDGETS_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class NewWidget:
    name: str
    origins: tuple[str, ...]
    bot_id: str | None
    look: Look


class Widgets:
    """A widget is its maker's; owners see and revoke all. Whoever has a widget's key may ask."""

    def __init__(self, bots: BotStore, images: Images, audit: Audit, clock: Clock, ids: Ids) -> None:
        self._bots = bots
        self._images = images
        self._database = bots.database
        self._audit = audit
        self._clock = clock
        self._ids = ids

    def create(self, person: Person, new: NewWidget, once: Once | None = None) -> Widget:
        """Raises InvalidInput, NotFound for a bot that is not this person's, Conflict at fifty widgets."""
        origins, look = checked_origins(new.origins), _checked(new.look)
        self._check_bot(person, new.bot_id)
        now = self._clock.now()
        widget = Widget(
            id=self._ids.new(),
            owner_id=person.id,
            bot_id=new.bot_id,
            key=KEY_PREFIX + self._ids.secret(KEY_BYTES),
            name=new.name.strip(),
            origins=origins,
            look=look,
            logo=None,
            created_at=now,
            updated_at=now,
        )

        def add(db: Transaction) -> Widget:
            stored.insert_widget(db, widget, WIDGETS_AT_MOST)
            self._note(db, Action.WIDGET_CREATED, person, widget, ", ".join(origins))
            return widget

        return write_once(self._database, once, add)

    def list(self, person: Person, before_id: str | None, limit: int) -> Sequence[Widget]:
        """Newest first."""
        owner_id = None if person.role is Role.OWNER else person.id
        with self._database.read() as db:
            return stored.list_widgets(db, owner_id, before_id, limit)

    def get(self, person: Person, widget_id: str) -> Widget:
        """Raises NotFound."""
        with self._database.read() as db:
            return _visible(stored.find_widget(db, widget_id), person)

    def change(
        self, person: Person, widget_id: str, change: WidgetChange, once: Once | None = None
    ) -> Widget:
        """Pages that show the widget follow when they are loaded next. Raises as `create` does, and Forbidden
        for an owner who did not make it.
        """
        if change.origins is not UNSET:
            change = replace(change, origins=checked_origins(change.origins))
        if change.look is not UNSET:
            change = replace(change, look=_checked(change.look))
        if change.bot_id is not UNSET:
            self._check_bot(person, change.bot_id)
        return self._write(person, widget_id, change, once, None)

    def set_logo(self, person: Person, widget_id: str, picture: bytes, once: Once | None = None) -> Widget:
        """The picture is kept, in the bucket too, before the widget names it. Raises NotFound, Forbidden for
        an owner who did not make it, InvalidInput for what is no picture, TooLarge, and Unavailable while it
        cannot be kept.
        """
        with self._database.read() as db:
            _changeable(stored.find_widget(db, widget_id), person)
        name = self._images.keep(picture)
        return self._write(person, widget_id, WidgetChange(logo=name), once, "logo")

    def remove_logo(self, person: Person, widget_id: str, once: Once | None = None) -> None:
        """The picture itself stays: an earlier moment that somebody restores may name it."""
        self._write(person, widget_id, WidgetChange(logo=None), once, "logo removed")

    def logo_of(self, widget: Widget) -> tuple[str, bytes]:
        """The picture's name and content. Raises NotFound, and Unavailable while it cannot be fetched."""
        if widget.logo is None:
            raise NotFound("This widget has no logo.", code="no_logo")
        return widget.logo, self._images.open(widget.logo)

    def revoke(self, person: Person, widget_id: str, once: Once | None = None) -> None:
        """The key opens nothing from now on. Raises NotFound."""

        def write(db: Transaction) -> None:
            widget = _visible(stored.find_widget(db, widget_id), person)
            stored.delete_widget(db, widget_id)
            self._note(db, Action.WIDGET_REVOKED, person, widget, None)

        write_once(self._database, once, write)

    def known(self, key: str) -> Widget:
        """Raises NotFound for a key that was never made, or is revoked."""
        widget = self._find(key)
        if widget is None:
            raise NotFound("This chat is switched off.", code="widget_off")
        return widget

    def open(self, key: str, origin: str | None) -> Widget:
        """The widget, for a page of one of its sites. Raises NotFound, and Forbidden for other pages."""
        widget = self.known(key)
        if not widget.is_for(origin):
            raise Forbidden(
                f"This chat is not made for {origin or 'pages that hide where they are'}."
                " Add the site to the widget's.",
                code="origin_refused",
            )
        return widget

    def readable_by(self, key: str, origin: str) -> str | None:
        """Which pages may read what is answered under this key, as CORS names them: those of `origin` when it
        is one of the widget's, none when not. That a key opens nothing (any more) every page may read.
        """
        widget = self._find(key)
        if widget is None:
            return "*"
        return origin if widget.is_for(origin) else None

    def _find(self, key: str) -> Widget | None:
        if not key.startswith(KEY_PREFIX) or len(key) > KEY_LENGTH_AT_MOST:
            return None
        with self._database.read() as db:
            return stored.find_by_key(db, key)

    def _write(
        self, person: Person, widget_id: str, change: WidgetChange, once: Once | None, detail: str | None
    ) -> Widget:
        now = self._clock.now()

        def write(db: Transaction) -> Widget:
            _changeable(stored.find_widget(db, widget_id), person)
            stored.change_widget(db, widget_id, change, now)
            after = _visible(stored.find_widget(db, widget_id), person)
            self._note(db, Action.WIDGET_CHANGED, person, after, detail or ", ".join(after.origins))
            return after

        return write_once(self._database, once, write)

    def _check_bot(self, person: Person, bot_id: str | None) -> None:
        if bot_id is None:
            return
        bot = self._bots.find(bot_id)
        if bot is None or (bot.owner_id != person.id and person.role is not Role.OWNER):
            raise NotFound("There is no such bot.", field="bot_id")

    def _note(
        self, db: Transaction, action: Action, person: Person, widget: Widget, detail: str | None
    ) -> None:
        self._audit.note(db, action, person, subject_id=widget.id, subject=widget.name, detail=detail)


def _visible(widget: Widget | None, person: Person) -> Widget:
    if widget is None or (widget.owner_id != person.id and person.role is not Role.OWNER):
        raise NotFound("There is no such widget. Reload the list.")
    return widget


def _changeable(widget: Widget | None, person: Person) -> Widget:
    found = _visible(widget, person)
    if found.owner_id != person.id:
        raise Forbidden("Only whoever made this widget may change it. You can revoke it.")
    return found


def _checked(look: Look) -> Look:
    return replace(look, accent=checked_accent(look.accent))
