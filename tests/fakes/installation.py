"""A whole installation behind the web layer: real files, real services; only the networks are stand-ins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from roost.clock import SystemClock, SystemIds, timestamp
from roost.domain.accounts import Person, Role
from roost.domain.bots import BotIdentity, Platform
from roost.domain.documents import (
    CrawlProgress,
    EmbeddingProgress,
    ExtractedPage,
    IndexState,
    PageRecord,
    Section,
    Source,
    SourceKind,
)
from roost.domain.people import MembershipRules
from roost.errors import AddressRefused, RemoteRejected, RemoteUnreachable
from roost.identity.openid_connect import OpenIdProvider
from roost.knowledge.addresses import AddressPolicy
from roost.services.api_keys import ApiKeys
from roost.services.audit import Audit
from roost.services.bot_answers import RegisteredBots
from roost.services.bot_logs import BotLogs
from roost.services.bot_presence import BotPresence
from roost.services.bot_registry import BotRegistry
from roost.services.chat import Chat
from roost.services.follow_ups import FollowUps
from roost.services.images import Images
from roost.services.inbox import Inbox
from roost.services.ingestion import Ingestion
from roost.services.insights import WorkspaceInsights
from roost.services.key_rotation import KeyRotation
from roost.services.live_events import LiveEvents
from roost.services.local_key import LocalKey
from roost.services.people import People
from roost.services.ports import ChatPlatform, CrawlEvent, PageRead
from roost.services.provider_sign_in import ProviderSignIn
from roost.services.readiness import Readiness, State
from roost.services.runs import Runs
from roost.services.sign_in import SignIn
from roost.services.sources import Sources
from roost.services.spending import Spending
from roost.services.supervisor import Supervisor
from roost.services.webhooks import Webhooks
from roost.services.widget_answers import WidgetAnswers
from roost.services.widgets import Widgets
from roost.services.workspace_transfer import WorkspaceTransfer
from roost.settings import Settings
from roost.storage.bots import BotStore
from roost.storage.database import Database
from roost.storage.image_files import ImageFiles
from roost.storage.secrets import Cipher
from roost.web.app import create_app
from roost.web.services import Services
from tests.fakes.fixed_answerer import FixedAnswerer
from tests.fakes.fixed_backups import FixedBackups
from tests.fakes.knowledge import FixedRetriever

TOKEN = "123456789:AAEthisIsOnlyMadeUpForTheTestsOfRoost_0"
HOME = "http://localhost:8000"


class SteppedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class RunningClock(SteppedClock):
    """Goes on by itself from the same moment, for what waits."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)
        self._origin = self.at

    def now(self) -> datetime:
        return self.at + (datetime.now(UTC) - self._began)

    def monotonic_s(self) -> float:
        return self.now().timestamp()


class FixedPlatform:
    """Knows every token; refuses those that end in x. Can be down, and can keep people waiting."""

    def __init__(self) -> None:
        self.down = False
        self.forgiving = False
        self.asked = threading.Event()
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def identify(self, token: str) -> BotIdentity:
        self.asked.set()
        self._free.wait(10)
        if self.down:
            raise RemoteUnreachable("Telegram does not answer. Try again in a moment.")
        if token.endswith("x") and not self.forgiving:
            raise RemoteRejected("Telegram rejected this token (401). Paste a new one from BotFather.")
        number = token.partition(":")[0]
        return BotIdentity(number, f"Bot {number}", f"bot{number}")


class FixedResolver:
    """Every name is a public host."""

    def resolve(self, host: str, timeout_s: float) -> tuple[IPv4Address]:
        return (IPv4Address("93.184.215.14"),)


class FixedCrawler:
    """A site of two pages. Its policy refuses one address, `http://private.test/`."""

    def check_address(self, url: str) -> str:
        if url.startswith("http://private.test"):
            raise AddressRefused("This address is private. Use a public one.", field="url")
        return url

    def crawl(
        self,
        source: Source,
        known: Mapping[str, PageRecord],
        report: Callable[[CrawlProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[CrawlEvent]:
        for name in ("a", "b"):
            sections = (Section(1, f"Page {name}", f"page-{name}", "Something."),)
            yield PageRead(
                ExtractedPage(f"https://docs.test/{name}", f"Page {name}", sections, ()), None, None
            )


class NoIndex:
    """Forgets every page at once."""

    def replace(self, source_id: str, changed: Sequence[ExtractedPage], removed_urls: Sequence[str]) -> None:
        return

    def remove_source(self, source_id: str) -> None:
        return

    def crawl_ended(self) -> None:
        return

    def embedding(self) -> dict[str, EmbeddingProgress]:
        return {}


class Installation:
    """`app` is the web application; `sign_in(role)` gives a browser of a fresh person with that role."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.clock = RunningClock()
        self.ids = SystemIds(self.clock)
        self.settings = Settings.from_env({"DATA_DIR": str(folder), **(environ or {})})
        self.bot_configs = Database(folder / "bot_configs.db", "bot_configs", "NORMAL")
        self.conversations = Database(folder / "conversations.db", "conversations", "NORMAL")
        self.knowledge = Database(folder / "knowledge.db", "knowledge", "NORMAL")
        for database in (self.bot_configs, self.conversations, self.knowledge):
            database.open()
        self.readiness = Readiness()
        self.readiness.set(State.READY)
        self.live_events = LiveEvents()
        self.answerer = FixedAnswerer()
        self.retriever = FixedRetriever()
        self.cipher = Cipher("k" * 40)
        self.local_key = LocalKey("roost_local_tests", self._local_owner)
        self.loop_alive = True
        self.disk_trouble: str | None = None
        bots = self.bot_store = BotStore(self.bot_configs, self.cipher)
        self.logs = BotLogs(self.clock, self.live_events.publish)
        audit = Audit(self.bot_configs, self.clock, self.ids)
        supervisor = Supervisor(bots, {}, self.logs, self.clock, lambda: 0.5, self.live_events.publish, audit)
        inbox = Inbox(self.conversations, self.clock, self.ids)
        self.platform = FixedPlatform()
        self.platforms: dict[Platform, ChatPlatform] = {Platform.TELEGRAM: self.platform}
        self.presence = BotPresence(self.clock, self.live_events.publish)
        registry = BotRegistry(
            bots,
            inbox,
            supervisor,
            self.logs,
            self.platforms,
            AddressPolicy(FixedResolver()),
            self.clock,
            self.ids,
            self.live_events.publish,
            Spending(self.conversations, self.clock, 200, 50_000),
            self.presence,
            audit,
            self.settings.public_url,
        )
        rules = MembershipRules(self.settings.owner_emails, self.settings.allowed_emails)
        self.people = People(
            self.bot_configs,
            rules,
            audit,
            self.clock,
            self.ids,
            self.live_events.publish,
            supervisor.poke,
        )
        answers = RegisteredBots(bots)
        self.runs = Runs(self.conversations, self.answerer, answers, self.clock)
        crawlers = dict.fromkeys(SourceKind, FixedCrawler())
        self.ingestion = Ingestion(
            self.bot_configs, self.knowledge, crawlers, NoIndex(), self.clock, self.live_events.publish
        )
        self.services = Services(
            settings=self.settings,
            clock=self.clock,
            ids=self.ids,
            readiness=self.readiness,
            loop_alive=lambda: self.loop_alive,
            started_at=self.clock.now(),
            bot_configs=self.bot_configs,
            conversations=self.conversations,
            cipher=self.cipher,
            sign_in=SignIn(self.bot_configs, audit, self.clock, self.ids, self.live_events.publish),
            provider_sign_in=self._provider_sign_in(),
            people=self.people,
            audit=audit,
            api_keys=ApiKeys(
                self.bot_configs, audit, self.clock, self.ids, self.live_events.publish, self.local_key
            ),
            local_key=self.local_key,
            transfer=WorkspaceTransfer(bots, self.conversations, self.ingestion, crawlers, self.clock, audit),
            key_rotation=KeyRotation(
                self.bot_configs,
                self.conversations,
                self.cipher,
                folder,
                audit,
                from_environment=self.settings.secret_key is not None,
                has_previous=self.settings.secret_key_previous is not None,
            ),
            live_events=self.live_events,
            bots=registry,
            supervisor=supervisor,
            webhooks=Webhooks(supervisor, self.clock),
            chat=Chat(self.conversations, self.runs, answers, self.clock, self.ids),
            follow_ups=FollowUps(self.conversations, self.retriever, answers),
            insights=WorkspaceInsights(self.conversations, self.knowledge, bots, self.clock),
            widgets=Widgets(bots, Images(ImageFiles(folder), None), audit, self.clock, self.ids),
            widget_answers=WidgetAnswers(self.conversations, self.answerer, answers, self.clock, self.ids),
            sources=Sources(self.bot_configs, self.ingestion, crawlers, self.clock, self.ids, 600, audit),
            ingestion=self.ingestion,
            retriever=self.retriever,
            index_state=lambda: IndexState(4, 4, 7, True, "minilm", None),
            ambiguous_sends=lambda: inbox.ambiguous_sends_total,
            sqlite_version="3.40.0",
            disk_trouble=lambda: self.disk_trouble,
            backups=FixedBackups(),
        )
        self.app = create_app(self.services)

    def _provider_sign_in(self) -> ProviderSignIn | None:
        """At OIDC_ISSUER, where the settings name a client."""
        settings = self.settings
        if settings.google_client_id is None or settings.google_client_secret is None:
            return None
        provider = OpenIdProvider(
            settings.oidc_issuer,
            settings.google_client_id,
            settings.google_client_secret,
            f"{settings.public_url}/auth/callback",
            SystemClock(),
        )
        return ProviderSignIn(provider, self.people, self.cipher, self.clock, self.ids)

    def _local_owner(self) -> Person:
        return self.services.sign_in.local_owner()

    def close(self) -> None:
        self.live_events.stop()
        self.runs.stop()
        for database in (self.bot_configs, self.conversations, self.knowledge):
            database.close()

    def add_person(self, role: Role, name: str = "Someone") -> Person:
        person = Person(self.ids.new(), name, None, role)
        now = timestamp(self.clock.now())
        self.bot_configs.write(
            lambda db: db.execute(
                text(
                    "INSERT INTO users (id, kind, subject, name, role, created_at)"
                    " VALUES (:id, 'google', :id, :name, :role, :now)"
                ),
                {"id": person.id, "name": name, "role": role, "now": now},
            )
        )
        return person

    def browser(self, person: Person | None = None) -> Browser:
        """A browser; signed in, when a person is given."""
        client = self.app.test_client()
        if person is not None:
            client.set_cookie("roost_session", self.services.sign_in.begin_session(person, "tests"))
        return Browser(client)

    def sign_in(self, role: Role = Role.OWNER) -> Browser:
        return self.browser(self.add_person(role))

    def browser_like(self, other: Browser) -> Browser:
        """Another connection of the same person: a test client serves one request at a time."""
        client = self.app.test_client()
        cookie = other.client.get_cookie("roost_session")
        if cookie is not None:
            client.set_cookie("roost_session", cookie.value)
        return Browser(client, other.headers)

    def script(self, person: Person) -> Browser:
        """Not a browser: a client with an API key."""
        key = self.services.api_keys.create(person, "tests").secret
        return Browser(self.app.test_client(), {"Authorization": f"Bearer {key}"})


class Answer:
    """What came back."""

    def __init__(self, response: TestResponse) -> None:
        self.status_code = response.status_code
        self.headers = response.headers
        self._response = response

    @property
    def data(self) -> bytes:
        body: bytes = self._response.data
        return body

    @property
    def text(self) -> str:
        return self._response.text

    @property
    def json(self) -> Any:
        return self._response.json

    def frames(self) -> Iterator[bytes]:
        """A stream's parts, as they come."""
        yield from self._response.iter_encoded()

    def close(self) -> None:
        self._response.close()


class Browser:
    """Sends requests as Roost's own page would."""

    def __init__(self, client: FlaskClient, headers: Mapping[str, str] | None = None) -> None:
        self.client = client
        self.headers = {"Sec-Fetch-Site": "same-origin", **(headers or {})}

    def request(self, method: str, path: str, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        options.setdefault("base_url", HOME)
        return Answer(self.client.open(path, method=method, headers=headers, **options))

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> Answer:
        return self.request("POST", path, **_with_json(json, options))

    def put(self, path: str, body: bytes, media_type: str, **options: Any) -> Answer:
        return self.request("PUT", path, data=body, content_type=media_type, **options)

    def patch(self, path: str, json: object = None, **options: Any) -> Answer:
        return self.request("PATCH", path, **_with_json(json, options))

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)


def _with_json(json: object, options: dict[str, Any]) -> dict[str, Any]:
    return options if json is None else {**options, "json": json}


@contextmanager
def installation(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Installation]:
    made = Installation(folder, environ)
    try:
        yield made
    finally:
        made.close()


def with_settings(made: Installation, **changes: Any) -> Browser:
    """A browser of the same installation under other settings."""
    app = create_app(replace(made.services, settings=replace(made.settings, **changes)))
    return Browser(app.test_client())
