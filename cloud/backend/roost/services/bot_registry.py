"""Registering, changing, starting and stopping bots, and who may do that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from roost.clock import Clock, Ids
from roost.domain.accounts import Person, Role
from roost.domain.audit import Action
from roost.domain.bot_tokens import TOKEN_WORDS, bare_token
from roost.domain.bots import (
    UNSET,
    Bot,
    BotChange,
    BotIdentity,
    BotView,
    Desired,
    NewBot,
    Observed,
    Platform,
    Status,
    Transport,
    Unset,
)
from roost.errors import (
    AddressRefused,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RemoteRejected,
    RemoteUnreachable,
    Unavailable,
)
from roost.services.audit import Audit
from roost.services.bot_logs import BotLogs, LogExcerpt
from roost.services.bot_presence import BotPresence
from roost.services.inbox import Inbox
from roost.services.live_events import BotChanged
from roost.services.ports import AddressGuard, ChatPlatform
from roost.services.spending import Spending
from roost.services.supervisor import Supervisor
from roost.storage.bots import BotStore
from roost.storage.database import Transaction
from roost.storage.idempotency import Once, Replayed, find_reply, write_once

STOP_TIMEOUT_S = 4.0
CHANGE_TIMEOUT_S = 1.0
RESOLVE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class BotPage:
    """`next_cursor` is None on the last page."""

    items: tuple[BotView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class _Activity:
    messages_today: int
    last_message_at: datetime | None
    tokens_today: int


_NOTHING_YET = _Activity(0, None, 0)


class BotRegistry:
    """`platforms` answers who is behind a token; a platform that is absent is not available in this version.
    `addresses` says which model endpoints the bots of members may use; owners run the installation, and may
    use any. `public_url` is where platforms reach this installation; None: nowhere.

    Every method raises NotFound for somebody else's bot. Owners see, stop and delete any bot.
    """

    def __init__(
        self,
        bots: BotStore,
        inbox: Inbox,
        supervisor: Supervisor,
        logs: BotLogs,
        platforms: Mapping[Platform, ChatPlatform],
        addresses: AddressGuard,
        clock: Clock,
        ids: Ids,
        publish: Callable[[BotChanged], None],
        spending: Spending,
        presence: BotPresence,
        audit: Audit,
        public_url: str | None = None,
    ) -> None:
        self._bots = bots
        self._inbox = inbox
        self._supervisor = supervisor
        self._logs = logs
        self._platforms = platforms
        self._addresses = addresses
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._spending = spending
        self._presence = presence
        self._audit = audit
        self._public_url = public_url

    def create(self, person: Person, wanted: NewBot, once: Once | None = None) -> BotView:
        """Asks the platform who the token belongs to, and registers that bot.

        Raises InvalidInput for a token the platform refuses, Conflict (bot_exists) when the bot is
        registered, Unavailable when the platform cannot be asked: then nothing is stored.
        """
        _require_builder(person)
        self._replay(once)
        self._check_endpoint(person, wanted.base_url)
        self._check_transport(wanted.transport)
        token = bare_token(wanted.token)
        identity = self._identify(wanted.platform, token)
        now = self._clock.now()
        bot = Bot(
            id=self._ids.new(),
            owner_id=person.id,
            platform=wanted.platform,
            platform_bot_id=identity.platform_bot_id,
            name=wanted.name or identity.name,
            handle=identity.handle,
            token_last4=token[-4:],
            model=wanted.model,
            system_prompt=wanted.system_prompt,
            desired=Desired.RUNNING if wanted.start else Desired.STOPPED,
            desired_since=now,
            base_url=wanted.base_url,
            has_api_key=wanted.api_key is not None,
            source_ids=wanted.source_ids,
            allowed_chats=wanted.allowed_chats,
            transport=wanted.transport,
            created_at=now,
            updated_at=now,
        )
        view = self._view(bot, _NOTHING_YET)

        webhook_secret = self._webhook_secret(wanted.transport)

        yielded: list[Bot] = []

        def register(db: Transaction) -> BotView:
            yielded.extend(self._claims_that_yield(db, bot))
            for claim in yielded:
                self._bots.remove(db, claim.id)
                self._note(db, Action.BOT_DELETED, person, claim, "imported without proof; here is its token")
            self._bots.register(
                db,
                bot,
                token,
                wanted.api_key,
                lambda other: _already_registered(other, person),
                view,
                webhook_secret,
            )
            self._note(db, Action.BOT_CREATED, person, bot)
            return view

        write_once(self._bots.database, once, register)
        for claim in yielded:
            self._supervisor.poke(claim.id)
            self._publish(BotChanged(claim.id, claim.owner_id, deleted=True))
        self._told(bot)
        return view

    def get(self, person: Person, bot_id: str) -> BotView:
        return self._views([self._visible(person, bot_id)])[0]

    def page(self, person: Person, cursor: str | None, limit: int) -> BotPage:
        """Oldest first: one's own, or all for an owner. `cursor` is an earlier page's."""
        _require_builder(person)
        owner_id = None if person.role is Role.OWNER else person.id
        found = self._bots.page(owner_id, cursor, limit + 1)
        shown = found[:limit]
        return BotPage(self._views(shown), shown[-1].id if len(found) > limit else None)

    def update(self, person: Person, bot_id: str, change: BotChange, once: Once | None = None) -> BotView:
        """Raises InvalidInput or Conflict for a token of another bot. A running bot takes the change."""
        self._replay(once)
        bot = self._visible(person, bot_id)
        if bot.owner_id != person.id:
            raise Forbidden(
                "Only the person who registered this bot may change it. You may stop or delete it."
            )
        if change.base_url is not UNSET:
            self._check_endpoint(person, change.base_url)
        self._check_transport(change.transport)
        webhook_secret = self._webhook_secret(change.transport)
        handle = None
        if change.token is not UNSET:
            change = replace(change, token=bare_token(change.token))
            handle = self._same_bot(person, bot, str(change.token)).handle
        activity = self._activities([bot_id])[bot_id]
        now = self._clock.now()

        def write(db: Transaction) -> BotView:
            changed = _found(self._bots.changed(db, bot_id, change, handle, now, webhook_secret))
            token_changed = change.token is not UNSET
            self._note(db, Action.BOT_TOKEN_CHANGED if token_changed else Action.BOT_CHANGED, person, changed)
            return self._view(changed, activity)

        view = write_once(self._bots.database, once, write)
        # Whoever is told that the change is stored may count on it from the next message on.
        self._supervisor.settle(bot_id, CHANGE_TIMEOUT_S)
        self._publish(BotChanged(view.bot.id, view.bot.owner_id))
        return view

    def set_desired(self, person: Person, bot_id: str, desired: Desired, once: Once | None = None) -> BotView:
        """Start or stop; may be repeated. The wish is stored before anything is done about it."""
        return self._want(person, bot_id, desired, once, restart=False)

    def restart(self, person: Person, bot_id: str, once: Once | None = None) -> BotView:
        """Starts the bot anew, also one that is stopped or has crashed."""
        return self._want(person, bot_id, Desired.RUNNING, once, restart=True)

    def delete(self, person: Person, bot_id: str, once: Once | None = None) -> None:
        """Stops the bot and forgets it, its inbox and the chats people had with it on its platform."""
        self._replay(once)
        bot = self._visible(person, bot_id)

        def remove(db: Transaction) -> None:
            self._bots.remove(db, bot_id)
            self._note(db, Action.BOT_DELETED, person, bot)

        write_once(self._bots.database, once, remove)
        self._supervisor.settle(bot_id, STOP_TIMEOUT_S)
        self._inbox.forget_bot(bot_id)
        self._presence.forget(bot_id)
        self._publish(BotChanged(bot_id, bot.owner_id, deleted=True))

    def logs(self, person: Person, bot_id: str, *, after: int, level: str, limit: int) -> LogExcerpt:
        self._visible(person, bot_id)
        return self._logs.read(bot_id, after=after, level=level, limit=limit)

    def _want(
        self, person: Person, bot_id: str, desired: Desired, once: Once | None, *, restart: bool
    ) -> BotView:
        self._replay(once)
        bot = self._visible(person, bot_id)
        if desired is Desired.RUNNING and bot.owner_id != person.id:
            raise Forbidden(
                "Only the person who registered this bot may start it. You may stop or delete it."
            )
        if desired is Desired.RUNNING and not bot.token_last4:
            raise Conflict(
                "This bot was imported without its token. Enter its token, then start it.",
                code="token_missing",
            )
        if desired is Desired.RUNNING and not bot.proven:
            self._same_bot(person, bot, self._bots.credentials(bot_id).token)
        activity = self._activities([bot_id])[bot_id]
        now = self._clock.now()
        action = Action.BOT_STARTED if desired is Desired.RUNNING else Action.BOT_STOPPED

        def want(db: Transaction) -> BotView:
            if desired is Desired.RUNNING and not bot.proven:
                self._bots.prove(db, bot_id)
            wanted = _found(self._bots.wanted(db, bot_id, desired, now))
            self._note(db, Action.BOT_RESTARTED if restart else action, person, wanted)
            return self._view(wanted, activity, restart)

        view = write_once(self._bots.database, once, want)
        self._told(view.bot, restart=restart)
        return view

    def _claims_that_yield(self, db: Transaction, bot: Bot) -> tuple[Bot, ...]:
        """Somebody else's import of the same bot of the platform, without proof that it is theirs."""
        other = self._bots.find_on_platform(db, bot.platform, bot.platform_bot_id)
        return () if other is None or other.proven or other.owner_id == bot.owner_id else (other,)

    def _note(
        self, db: Transaction, action: Action, person: Person, bot: Bot, detail: str | None = None
    ) -> None:
        self._audit.note(db, action, person, subject_id=bot.id, subject=_called(bot), detail=detail)

    def _told(self, bot: Bot, *, restart: bool = False) -> None:
        self._supervisor.poke(bot.id, restart=restart)
        self._publish(BotChanged(bot.id, bot.owner_id))

    def _replay(self, once: Once | None) -> None:
        """A request that was done before is answered without asking the platform again."""
        if once is not None:
            with self._bots.database.read() as db:
                earlier = find_reply(db, once)
            if earlier is not None:
                raise Replayed(earlier)

    def _visible(self, person: Person, bot_id: str) -> Bot:
        bot = self._bots.find(bot_id)
        if bot is None or (bot.owner_id != person.id and person.role is not Role.OWNER):
            raise NotFound("There is no such bot.")
        return bot

    def _check_endpoint(self, person: Person, base_url: str | None) -> None:
        if base_url is None or person.role is Role.OWNER:
            return
        try:
            self._addresses.check(base_url, RESOLVE_TIMEOUT_S)
        except AddressRefused as refusal:
            raise AddressRefused(refusal.message, code=refusal.code, field="base_url") from refusal

    def _check_transport(self, transport: Transport | Unset) -> None:
        if transport is Transport.WEBHOOK and self._public_url is None:
            raise InvalidInput(
                "A webhook needs an address that the platform can reach. Set PUBLIC_URL to Roost's own, with"
                " https, and restart it; or leave the transport at polling.",
                field="transport",
            )

    def _webhook_secret(self, transport: Transport | Unset) -> str | None:
        return self._ids.secret() if transport is Transport.WEBHOOK else None

    def _identify(self, platform: Platform, token: str) -> BotIdentity:
        asked = self._platforms.get(platform)
        if asked is None:
            raise InvalidInput(
                f"{platform.value.capitalize()} is not available in this version of Roost."
                " Register a Telegram bot.",
                field="platform",
            )
        words = TOKEN_WORDS[platform]
        if not words.is_whole(token):
            raise InvalidInput(words.shape, field="token")
        try:
            return asked.identify(token)
        except RemoteRejected as error:
            raise InvalidInput(words.refused(error.message), field="token") from error
        except RemoteUnreachable as error:
            raise Unavailable(
                f"{words.name} cannot be asked who this token belongs to: {error.message} Nothing was stored;"
                " try again in a moment.",
                retry_after_s=5,
            ) from error

    def _same_bot(self, person: Person, bot: Bot, token: str) -> BotIdentity:
        identity = self._identify(bot.platform, token)
        if identity.platform_bot_id == bot.platform_bot_id:
            return identity
        with self._bots.database.read() as db:
            other = self._bots.find_on_platform(db, bot.platform, identity.platform_bot_id)
        if other is not None:
            raise _already_registered(other, person)
        raise InvalidInput(
            f"This token belongs to another bot, @{identity.handle}. Paste a token of @{bot.handle}, or"
            " register the other bot as a new one.",
            field="token",
        )

    def _views(self, bots: Sequence[Bot]) -> tuple[BotView, ...]:
        activities = self._activities([bot.id for bot in bots])
        return tuple(self._view(bot, activities[bot.id]) for bot in bots)

    def _activities(self, bot_ids: Sequence[str]) -> dict[str, _Activity]:
        messages = self._inbox.messages_today(bot_ids)
        last = self._inbox.last_messages(bot_ids)
        tokens = self._spending.tokens_today(bot_ids)
        return {bot_id: _Activity(messages[bot_id], last.get(bot_id), tokens[bot_id]) for bot_id in bot_ids}

    def _view(self, bot: Bot, activity: _Activity, restarting: bool = False) -> BotView:
        observed = self._supervisor.observed(bot.id)
        standing = _standing(bot, observed, restarting, self._clock.now())
        uptime_s = None
        if standing.running_since is not None:
            uptime_s = int((self._clock.now() - standing.running_since).total_seconds())
        return BotView(
            bot=bot,
            status=standing.status,
            reason=standing.reason,
            since=standing.since,
            uptime_s=uptime_s,
            last_contact_at=standing.last_contact_at,
            last_message_at=activity.last_message_at,
            messages_today=activity.messages_today,
            tokens_today=activity.tokens_today,
            tokens_limit=self._spending.tokens_limit,
            privacy_mode=self._presence.privacy_mode(bot.id),
        )


def _standing(bot: Bot, observed: Observed | None, restarting: bool, now: datetime) -> Observed:
    """What is observed, put beside a wish that the supervisor may not have seen yet."""
    last_contact_at = observed.last_contact_at if observed else None
    if bot.desired is Desired.STOPPED:
        return Observed(Status.STOPPED, None, bot.desired_since, last_contact_at)
    if restarting:
        return Observed(Status.STARTING, None, now, last_contact_at)
    if observed is None or observed.status is Status.STOPPED:
        return Observed(Status.STARTING, None, bot.desired_since, last_contact_at)
    return observed


def _already_registered(other: Bot, person: Person) -> Conflict:
    if other.owner_id == person.id:
        return Conflict(
            f"@{other.handle} is registered already. To use a new token, change its token instead.",
            code="bot_exists",
            field="token",
        )
    return Conflict(
        "This bot is registered already, by somebody else. Ask them to delete it, or make another bot.",
        code="bot_exists",
        field="token",
    )


def _found(bot: Bot | None) -> Bot:
    if bot is None:
        raise NotFound("There is no such bot.")
    return bot


def _called(bot: Bot) -> str:
    return f"@{bot.handle} on {bot.platform.value.capitalize()}"


def _require_builder(person: Person) -> None:
    if not person.may_build:
        raise Forbidden("Guests have the chat only. Ask an owner to invite you as a member to run bots.")
