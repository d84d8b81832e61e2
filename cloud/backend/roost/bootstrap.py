"""The composition root: the only place that constructs and wires. Nothing here does IO; the plan's steps
do.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask

from roost.clock import SystemClock, SystemIds
from roost.discordbot.connector import DiscordConnector
from roost.discordbot.platform import DiscordPlatform
from roost.domain.alerts import BACKUP, DISK
from roost.domain.bots import Platform
from roost.domain.documents import SourceKind
from roost.domain.people import MembershipRules
from roost.garbage import ShortCollections
from roost.identity.openid_connect import OpenIdProvider
from roost.knowledge.addresses import AddressPolicy, AllowedHost, SystemResolver
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.crawler import WebsiteCrawler
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.fetcher import SafeFetcher
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.manual_pages import ManualCrawler
from roost.knowledge.retriever import FusedRetriever
from roost.lifecycle import Plan, Step, once, take_side_by_side
from roost.llm.openai_compatible import OpenAICompatible
from roost.loop_thread import LoopThread
from roost.services.alert_watch import AlertWatch, Condition
from roost.services.alerts import Alerts
from roost.services.api_keys import ApiKeys
from roost.services.audit import Audit
from roost.services.backups import backup_trouble
from roost.services.bot_answers import RegisteredBots
from roost.services.bot_logs import BotLogs
from roost.services.bot_presence import BotPresence
from roost.services.bot_registry import BotRegistry
from roost.services.bot_services import BotServices
from roost.services.chat import Chat
from roost.services.chat_feedback import ChatFeedback
from roost.services.daily_chores import Chore, DailyChores
from roost.services.disk import disk_trouble
from roost.services.follow_ups import FollowUps
from roost.services.gateway_inbox import GatewayInbox
from roost.services.images import Images
from roost.services.inbox import Inbox
from roost.services.ingestion import Ingestion
from roost.services.insights import WorkspaceInsights
from roost.services.key_rotation import KeyRotation
from roost.services.live_events import LiveEvents
from roost.services.local_key import LocalKey
from roost.services.owners_bots import OwnersBots
from roost.services.people import People
from roost.services.ports import AddressGuard, AlertChannel, BotConnector, ChatPlatform, Crawler
from roost.services.privacy import Privacy
from roost.services.provider_sign_in import ProviderSignIn
from roost.services.query_rewriting import QueryRewriting
from roost.services.question_answering import QuestionAnswering, WritingDefaults
from roost.services.readiness import Readiness
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
from roost.storage.database import Database, Synchronous, sqlite_version
from roost.storage.image_files import ImageFiles
from roost.storage.secrets import Cipher, load_or_create_secret_key, load_previous_secret_key
from roost.telegrambot.alert_chat import AlertChat
from roost.telegrambot.connector import TelegramConnector
from roost.telegrambot.platform import TelegramPlatform
from roost.web.app import create_app
from roost.web.hosts import is_loopback_name
from roost.web.services import Services

if TYPE_CHECKING:
    from roost.replication.bucket import Bucket

log = logging.getLogger("roost")

LOOP_DEAD_AFTER_S = 15.0
PAUSED = "Paused: the bucket cannot be reached. It goes on by itself."


def compose(
    settings: Settings,
    readiness: Readiness,
    local_secret: str,
    stopping: threading.Event | None = None,
    restart: Callable[[], None] | None = None,
) -> tuple[Flask, Plan]:
    """The application, and the plan by which everything behind it starts and stops.

    `local_secret` speaks for the local owner, in place of an API key, for as long as this process lives. A
    restore ends early once `stopping` is set. `restart` has a server begin anew; without it this is no
    server, and does not wait for a bucket that another one uses.
    """
    clock = SystemClock()
    ids = SystemIds(clock)
    synchronous: Synchronous = "NORMAL" if settings.on_cloud_run else "FULL"
    bot_configs, conversations, knowledge = (
        Database(settings.data_dir / f"{name}.db", name, synchronous)
        for name in ("bot_configs", "conversations", "knowledge")
    )
    databases = {"conversations": conversations, "bot_configs": bot_configs}

    def data_trouble() -> str | None:
        return disk_trouble((bot_configs, conversations, knowledge))

    bucket = _bucket(settings, databases, readiness, clock, ids, stopping or threading.Event())
    secret_key = settings.secret_key or load_or_create_secret_key(settings.data_dir)
    cipher = Cipher(secret_key, settings.secret_key_previous or load_previous_secret_key(settings.data_dir))
    live_events = LiveEvents()
    audit = Audit(bot_configs, clock, ids)
    sign_in = SignIn(bot_configs, audit, clock, ids, live_events.publish)
    local_key = LocalKey(local_secret, sign_in.local_owner)

    embedder = MiniLmEmbedder(settings.model_dir)
    vector_index = ChromaIndex(settings.data_dir / "chroma_db")
    indexer = KnowledgeIndexer(knowledge, embedder, vector_index, lambda *_: ingestion.embedding_advanced())
    retriever = FusedRetriever(knowledge, embedder, vector_index, indexer.rebuild_vector_index)
    policy = AddressPolicy(
        SystemResolver(), [AllowedHost.parse(entry) for entry in settings.allow_private_sources]
    )
    crawlers = _crawlers(policy, clock)
    ingestion = Ingestion(bot_configs, knowledge, crawlers, indexer, clock, live_events.publish)
    sources = Sources(bot_configs, ingestion, crawlers, clock, ids, settings.scrape_interval_s, audit)

    spending = Spending(
        conversations, clock, settings.daily_questions_per_person, settings.daily_tokens_per_bot
    )
    writer = OpenAICompatible(clock, guard=policy)
    answerer = QuestionAnswering(
        retriever,
        writer,
        QueryRewriting(writer, clock),
        WritingDefaults(settings.openai_base_url, settings.openai_api_key, settings.openai_model),
        spending,
        ingestion.wait_for_first_pages,
    )
    bot_store = BotStore(bot_configs, cipher)
    bot_logs = BotLogs(clock, live_events.publish)
    inbox = Inbox(conversations, clock, ids)
    presence = BotPresence(clock, live_events.publish)
    privacy = Privacy(conversations, spending, clock, settings.retention_days)
    bot_services = BotServices(
        inbox, answerer, bot_logs, ChatFeedback(conversations, clock), privacy, spending, presence
    )
    connectors: dict[Platform, BotConnector] = {
        Platform.TELEGRAM: TelegramConnector(
            settings.telegram_api_base_url, bot_services, clock, random.random, settings.public_url
        ),
        Platform.DISCORD: DiscordConnector(
            settings.discord_api_base_url,
            settings.discord_gateway_url,
            bot_services,
            GatewayInbox(conversations, cipher, clock),
            clock,
            random.random,
            public_url=settings.public_url,
        ),
    }
    platforms: dict[Platform, ChatPlatform] = {
        Platform.TELEGRAM: TelegramPlatform(settings.telegram_api_base_url),
        Platform.DISCORD: DiscordPlatform(settings.discord_api_base_url),
    }
    supervisor = Supervisor(bot_store, connectors, bot_logs, clock, random.random, live_events.publish, audit)
    bots = BotRegistry(
        bot_store,
        inbox,
        supervisor,
        bot_logs,
        platforms,
        policy,
        clock,
        ids,
        live_events.publish,
        spending,
        presence,
        audit,
        settings.public_url,
    )
    rules = MembershipRules(settings.owner_emails, settings.allowed_emails)
    people = People(bot_configs, rules, audit, clock, ids, live_events.publish, supervisor.poke)
    channels = _alert_channels(settings, policy, OwnersBots(bot_store, supervisor))
    alerts = Alerts(channels, bot_configs, clock, random.random)
    alert_watch = AlertWatch(
        alerts, live_events, bot_store, supervisor, ingestion, clock, _conditions(bucket, data_trouble)
    )
    images = Images(ImageFiles(settings.data_dir), None if bucket is None else bucket.images)
    collections = ShortCollections()
    chores = DailyChores(
        [
            Chore("Forgetting what was handled long ago", inbox.forget_old),
            Chore("Forgetting what is older than RETENTION_DAYS", privacy.forget_expired),
            Chore("Collecting garbage among what was set aside", collections.thaw),
            Chore("Bringing pictures to the bucket", images.bring),
        ]
    )
    answer_settings = RegisteredBots(bot_store)
    runs = Runs(conversations, answerer, answer_settings, clock)
    chat = Chat(conversations, runs, answer_settings, clock, ids)
    follow_ups = FollowUps(conversations, retriever, answer_settings)
    widget_answers = WidgetAnswers(conversations, answerer, answer_settings, clock, ids)
    loop = LoopThread(clock)

    application = create_app(
        Services(
            settings=settings,
            clock=clock,
            ids=ids,
            readiness=readiness,
            loop_alive=lambda: loop.silence_s() < LOOP_DEAD_AFTER_S,
            started_at=clock.now(),
            bot_configs=bot_configs,
            conversations=conversations,
            cipher=cipher,
            sign_in=sign_in,
            provider_sign_in=_provider_sign_in(settings, people, cipher, clock, ids),
            people=people,
            audit=audit,
            api_keys=ApiKeys(bot_configs, audit, clock, ids, live_events.publish, local_key),
            local_key=local_key,
            transfer=WorkspaceTransfer(bot_store, conversations, ingestion, crawlers, clock, audit),
            key_rotation=KeyRotation(
                bot_configs,
                conversations,
                cipher,
                settings.data_dir,
                audit,
                from_environment=settings.secret_key is not None,
                has_previous=settings.secret_key_previous is not None,
            ),
            live_events=live_events,
            bots=bots,
            supervisor=supervisor,
            webhooks=Webhooks(supervisor, clock),
            chat=chat,
            follow_ups=follow_ups,
            insights=WorkspaceInsights(conversations, knowledge, bot_store, clock),
            widgets=Widgets(bot_store, images, audit, clock, ids),
            widget_answers=widget_answers,
            sources=sources,
            ingestion=ingestion,
            retriever=retriever,
            index_state=indexer.state,
            ambiguous_sends=lambda: inbox.ambiguous_sends_total,
            sqlite_version=sqlite_version(),
            disk_trouble=data_trouble,
            backups=bucket,
        )
    )

    def begin_workspace() -> None:
        owner = sign_in.local_owner()
        audit.write_waiting(owner)
        sources.seed({url: SourceKind(kind) for kind, url in settings.knowledge_sources}, owner.id)

    def start_bots() -> None:
        if bucket is not None:
            bucket.require()
        supervisor.start(loop.start())

    # Of whoever holds the lease, where there is a bucket: given up with it, or at the stop.
    duties = tuple(
        once(step)
        for step in (
            Step("telling open streams", lambda: _tell_streams(live_events, runs, widget_answers), 0.5),
            Step("bots", supervisor.stop, 3.0),
            Step("answers", lambda: _stop_answers(runs), 2.5),
            Step("crawls", ingestion.stop, 1.5),
            Step("the index", indexer.stop, 1.5),
            Step("alerts", alert_watch.stop, 1.5),
            Step("the day's chores", chores.stop, 1.0),
        )
    )
    replication = _replication_steps(
        bucket,
        pause=lambda: supervisor.pause(PAUSED),
        resume=start_bots,
        end=lambda: take_side_by_side(duties, clock),
        restart=restart,
    )
    plan = Plan(
        before_ready=(
            # A cache of this machine alone: what only reads can be answered while another one writes.
            Step("opening knowledge.db", knowledge.open, offline=True),
            *replication.taking_over,
            Step("opening conversations.db", conversations.open, offline=True),
            Step("opening bot_configs.db", bot_configs.open, offline=True),
            *replication.shipping,
            Step("telling where data is kept", lambda: _tell_where_data_is(settings)),
            Step("keeping collections short", collections.start),
            Step("the first owner and sources", begin_workspace, offline=True),
            Step("roles by the settings", people.follow_settings, offline=True),
            *replication.watching,
            Step("expecting the first pages", ingestion.expect_first_pages),
            Step("starting bots", start_bots),
            Step("resuming answers", lambda: _resume_answers(runs)),
        ),
        after_ready=(
            Step("the sign-in link", lambda: _offer_sign_in_link(settings, sign_in)),
            Step("starting the index", indexer.start),
            Step("starting to crawl", ingestion.start),
            Step("watching for alerts", alert_watch.start),
            Step("the day's chores", chores.start),
        ),
        at_once=(
            *duties,
            *replication.flushing,
        ),
        at_last=(
            # 4.5 s together at most: `web.server.STOP_WITHIN_S` less what draining takes.
            Step("the model's connections", writer.close, 0.2),
            Step("the loop", lambda: loop.stop(0.3), 0.4),
            *replication.ending,
            Step("closing conversations.db", conversations.close, 0.7),
            Step("closing bot_configs.db", bot_configs.close, 0.4),
            *replication.copying,
            Step("reading the passages' words", retriever.stop, 0.1),
            Step("closing knowledge.db", knowledge.close, 0.2),
            Step("the collector", collections.stop, 0.1),
        ),
        for_crawling=(
            Step("starting the index", indexer.start),
            Step("taking crawls", ingestion.start_on_demand),
        ),
    )
    return application, plan


def _bucket(
    settings: Settings,
    databases: Mapping[str, Database],
    readiness: Readiness,
    clock: SystemClock,
    ids: SystemIds,
    stopping: threading.Event,
) -> Bucket | None:
    """None without a bucket: then nothing of what speaks to one is imported."""
    if settings.gcs_bucket_name is None and settings.bucket_dir is None:
        return None
    from roost.replication.bucket import Bucket

    return Bucket(settings, databases, readiness, clock, ids, stopping)


@dataclass(frozen=True, slots=True)
class _ReplicationSteps:
    """What a bucket adds to the plan; nothing without one."""

    taking_over: tuple[Step, ...] = ()
    shipping: tuple[Step, ...] = ()
    watching: tuple[Step, ...] = ()
    flushing: tuple[Step, ...] = ()
    ending: tuple[Step, ...] = ()
    copying: tuple[Step, ...] = ()


def _replication_steps(
    bucket: Bucket | None,
    *,
    pause: Callable[[], None],
    resume: Callable[[], None],
    end: Callable[[], None],
    restart: Callable[[], None] | None,
) -> _ReplicationSteps:
    """`restart` is None where nothing is served: a command neither waits for a bucket nor watches it."""
    if bucket is None:
        return _ReplicationSteps()
    from roost.replication.tenure import Duties

    duties = None if restart is None else Duties(pause, resume, end, restart)
    watching: tuple[Step, ...] = ()
    if duties is not None:
        watching = (Step("watching the lease", lambda: bucket.watch(duties)),)
    return _ReplicationSteps(
        taking_over=(
            Step(
                "restoring from the bucket", lambda: bucket.take_over(wait=duties is not None), offline=True
            ),
        ),
        # Before anything is written that nobody would ship.
        shipping=(Step("shipping", bucket.begin, offline=True),),
        watching=watching,
        flushing=(Step("shipping", bucket.begin_stop, 3.0),),
        ending=(Step("ending the log", bucket.finish, 1.9),),
        copying=(Step("the last backup", bucket.copy_at_last, 0.6),),
    )


def _alert_channels(settings: Settings, guard: AddressGuard, bots: OwnersBots) -> list[AlertChannel]:
    channels: list[AlertChannel] = []
    if settings.alert_webhook_url is not None:
        # Costs an import that few installations need.
        from roost.alerting.webhook import Webhook

        channels.append(Webhook(settings.alert_webhook_url, guard))
    if settings.alert_telegram_chat is not None:
        channels.append(
            AlertChat(
                settings.telegram_api_base_url,
                settings.alert_telegram_chat,
                lambda: bots.running(Platform.TELEGRAM),
            )
        )
    return channels


def _conditions(bucket: Bucket | None, data_trouble: Callable[[], str | None]) -> list[Condition]:
    """What is asked now and then whether it is well."""
    conditions = [Condition(DISK, data_trouble, "The disk takes what is written again.")]
    if bucket is not None:
        conditions.append(
            Condition(
                BACKUP, lambda: backup_trouble(bucket), "The copies in the bucket are up to date again."
            )
        )
    return conditions


def _crawlers(policy: AddressPolicy, clock: SystemClock) -> Mapping[SourceKind, Crawler]:
    site = WebsiteCrawler(SafeFetcher(policy, clock, time.sleep), clock)
    return {
        SourceKind.WEBSITE: site,
        SourceKind.GITBOOK: site,
        SourceKind.BLOG: site,
        SourceKind.MANUAL: ManualCrawler(),
    }


def _provider_sign_in(
    settings: Settings, people: People, cipher: Cipher, clock: SystemClock, ids: SystemIds
) -> ProviderSignIn | None:
    """None where no provider is set up."""
    client_id, client_secret = settings.google_client_id, settings.google_client_secret
    if client_id is None or client_secret is None or settings.public_url is None:
        return None
    redirect_uri = f"{settings.public_url}/auth/callback"
    provider = OpenIdProvider(settings.oidc_issuer, client_id, client_secret, redirect_uri, clock)
    return ProviderSignIn(provider, people, cipher, clock, ids)


def _tell_where_data_is(settings: Settings) -> None:
    log.info("SQLite %s", sqlite_version())
    if settings.gcs_bucket_name is None and settings.bucket_dir is None:
        log.info("No bucket configured: data stays in DATA_DIR (%s)", settings.data_dir)


def _tell_streams(live_events: LiveEvents, runs: Runs, widget_answers: WidgetAnswers) -> None:
    live_events.stop()
    runs.announce_stop()
    widget_answers.stop()


def _stop_answers(runs: Runs) -> None:
    if not runs.stop():
        log.info("Some answers were still being made; they are taken up at the next start")


def _resume_answers(runs: Runs) -> None:
    count = runs.resume_unfinished()
    if count:
        log.info("Resuming %d answer(s) that were in the making", count)


def _offer_sign_in_link(settings: Settings, sign_in: SignIn) -> None:
    """Where local sign-in is closed, whoever reads the log gets in. The one secret that is ever printed."""
    if settings.google_client_id is not None:
        return
    if settings.public_url is None and is_loopback_name(settings.host) and not settings.on_cloud_run:
        return
    address = settings.public_url or f"http://<this machine>:{settings.port}"
    # To the terminal and not through the log, which would redact it.
    sys.stderr.write(f"Sign in within 15 minutes: {address}/auth/link#{sign_in.make_link_code(None)}\n")
    sys.stderr.flush()
