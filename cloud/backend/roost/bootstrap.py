"""The composition root: the only place that constructs and wires. Nothing here does IO; the plan's steps
do.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Flask

from roost.clock import SystemClock, SystemIds
from roost.domain.bots import Platform
from roost.domain.documents import SourceKind
from roost.knowledge.addresses import AddressPolicy, AllowedHost, SystemResolver
from roost.knowledge.chroma_index import ChromaIndex
from roost.knowledge.crawler import WebsiteCrawler
from roost.knowledge.embeddings import MiniLmEmbedder
from roost.knowledge.fetcher import SafeFetcher
from roost.knowledge.indexer import KnowledgeIndexer
from roost.knowledge.manual_pages import ManualCrawler
from roost.knowledge.retriever import FusedRetriever
from roost.lifecycle import Plan, Step
from roost.llm.openai_compatible import OpenAICompatible
from roost.loop_thread import LoopThread
from roost.services.api_keys import ApiKeys
from roost.services.bot_answers import RegisteredBots
from roost.services.bot_logs import BotLogs
from roost.services.bot_registry import BotRegistry
from roost.services.chat import Chat
from roost.services.inbox import Inbox
from roost.services.ingestion import Ingestion
from roost.services.live_events import LiveEvents
from roost.services.ports import BotConnector, Crawler
from roost.services.question_answering import QuestionAnswering, WritingDefaults
from roost.services.readiness import Readiness
from roost.services.runs import Runs
from roost.services.sign_in import SignIn
from roost.services.sources import Sources
from roost.services.spending import Spending
from roost.services.supervisor import Supervisor
from roost.settings import Settings
from roost.storage.bots import BotStore
from roost.storage.database import Database, Synchronous, sqlite_version
from roost.storage.secrets import Cipher, load_or_create_secret_key
from roost.telegrambot.connector import TelegramConnector
from roost.telegrambot.platform import TelegramPlatform
from roost.web.app import create_app
from roost.web.hosts import is_loopback_name
from roost.web.services import Services

if TYPE_CHECKING:
    from roost.replication.bucket import Bucket

log = logging.getLogger("roost")

LOOP_DEAD_AFTER_S = 15.0


def compose(
    settings: Settings, readiness: Readiness, stopping: threading.Event | None = None
) -> tuple[Flask, Plan]:
    """The application, and the plan by which everything behind it starts and stops. A restore ends early once
    `stopping` is set.
    """
    clock = SystemClock()
    ids = SystemIds(clock)
    synchronous: Synchronous = "NORMAL" if settings.on_cloud_run else "FULL"
    bot_configs, conversations, knowledge = (
        Database(settings.data_dir / f"{name}.db", name, synchronous)
        for name in ("bot_configs", "conversations", "knowledge")
    )
    databases = {"conversations": conversations, "bot_configs": bot_configs}
    bucket = _bucket(settings, databases, clock, stopping or threading.Event())
    secret_key = settings.secret_key or load_or_create_secret_key(settings.data_dir)
    cipher = Cipher(secret_key, settings.secret_key_previous)
    live_events = LiveEvents()
    sign_in = SignIn(bot_configs, clock, ids)

    embedder = MiniLmEmbedder(settings.model_dir)
    vector_index = ChromaIndex(settings.data_dir / "chroma_db")
    indexer = KnowledgeIndexer(knowledge, embedder, vector_index, lambda vectors, chunks: None)
    retriever = FusedRetriever(knowledge, embedder, vector_index, indexer.rebuild_vector_index)
    policy = AddressPolicy(
        SystemResolver(), [AllowedHost.parse(entry) for entry in settings.allow_private_sources]
    )
    crawlers = _crawlers(policy, clock)
    ingestion = Ingestion(bot_configs, knowledge, crawlers, indexer, clock, live_events.publish)
    sources = Sources(bot_configs, ingestion, crawlers, clock, ids, settings.scrape_interval_s)

    writer = OpenAICompatible(clock, guard=policy)
    answerer = QuestionAnswering(
        retriever,
        writer,
        WritingDefaults(settings.openai_base_url, settings.openai_api_key, settings.openai_model),
        Spending(conversations, clock, settings.daily_questions_per_person, settings.daily_tokens_per_bot),
    )
    bot_store = BotStore(bot_configs, cipher)
    bot_logs = BotLogs(clock, live_events.publish)
    inbox = Inbox(conversations, clock, ids)
    connectors: dict[Platform, BotConnector] = {
        Platform.TELEGRAM: TelegramConnector(
            settings.telegram_api_base_url, inbox, answerer, bot_logs, clock, random.random
        )
    }
    platforms = {Platform.TELEGRAM: TelegramPlatform(settings.telegram_api_base_url)}
    supervisor = Supervisor(bot_store, connectors, bot_logs, clock, random.random, live_events.publish)
    bots = BotRegistry(
        bot_store, inbox, supervisor, bot_logs, platforms, policy, clock, ids, live_events.publish
    )
    answer_settings = RegisteredBots(bot_store)
    runs = Runs(conversations, answerer, answer_settings, clock)
    chat = Chat(conversations, runs, answer_settings, clock, ids)
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
            api_keys=ApiKeys(bot_configs, clock, ids),
            live_events=live_events,
            bots=bots,
            supervisor=supervisor,
            chat=chat,
            sources=sources,
            ingestion=ingestion,
            retriever=retriever,
            index_state=indexer.state,
            ambiguous_sends=lambda: inbox.ambiguous_sends_total,
            sqlite_version=sqlite_version(),
        )
    )

    def begin_workspace() -> None:
        owner = sign_in.local_owner()
        sources.seed({url: SourceKind(kind) for kind, url in settings.knowledge_sources}, owner.id)

    plan = Plan(
        before_ready=(
            *([Step("restoring from the bucket", bucket.restore)] if bucket else []),
            Step("opening conversations.db", conversations.open),
            Step("opening bot_configs.db", bot_configs.open),
            Step("opening knowledge.db", knowledge.open),
            Step("telling where data is kept", lambda: _tell_where_data_is(settings)),
            Step("the first owner and sources", begin_workspace),
            Step("starting bots", lambda: supervisor.start(loop.start())),
            Step("resuming answers", lambda: _resume_answers(runs)),
        ),
        after_ready=(
            *([Step("backing up", bucket.start)] if bucket else []),
            Step("the sign-in link", lambda: _offer_sign_in_link(settings, sign_in)),
            Step("starting the index", indexer.start),
            Step("starting to crawl", ingestion.start),
        ),
        at_once=(
            Step("telling open streams", lambda: _tell_streams(live_events, runs), 0.5),
            Step("bots", supervisor.stop, 3.0),
            *([Step("backing up", bucket.copies.begin_stop, 3.0)] if bucket else []),
            Step("answers", lambda: _stop_answers(runs), 2.5),
            Step("crawls", ingestion.stop, 1.5),
            Step("the index", indexer.stop, 1.5),
        ),
        at_last=(
            Step("the model's connections", writer.close, 0.3),
            Step("the loop", lambda: loop.stop(0.5), 0.7),
            Step("closing conversations.db", conversations.close, 2.0),
            Step("closing bot_configs.db", bot_configs.close, 1.0),
            Step("closing knowledge.db", knowledge.close, 1.0),
            *([Step("the last backup", bucket.copies.finish, 2.5)] if bucket else []),
        ),
    )
    return application, plan


def _bucket(
    settings: Settings, databases: Mapping[str, Database], clock: SystemClock, stopping: threading.Event
) -> Bucket | None:
    """None without a bucket: then nothing of what speaks to one is imported."""
    if settings.gcs_bucket_name is None and settings.bucket_dir is None:
        return None
    from roost.replication.bucket import Bucket

    return Bucket(settings, databases, clock, stopping)


def _crawlers(policy: AddressPolicy, clock: SystemClock) -> Mapping[SourceKind, Crawler]:
    site = WebsiteCrawler(SafeFetcher(policy, clock, time.sleep), clock)
    return {
        SourceKind.WEBSITE: site,
        SourceKind.GITBOOK: site,
        SourceKind.BLOG: site,
        SourceKind.MANUAL: ManualCrawler(),
    }


def _tell_where_data_is(settings: Settings) -> None:
    log.info("SQLite %s", sqlite_version())
    if settings.gcs_bucket_name is None and settings.bucket_dir is None:
        log.info("No bucket configured: data stays in DATA_DIR (%s)", settings.data_dir)


def _tell_streams(live_events: LiveEvents, runs: Runs) -> None:
    live_events.stop()
    runs.announce_stop()


def _stop_answers(runs: Runs) -> None:
    if not runs.stop():
        log.info("Some answers were still being made; they are taken up at the next start")


def _resume_answers(runs: Runs) -> None:
    count = runs.resume_unfinished()
    if count:
        log.info("Resuming %d answer(s) that were in the making", count)


def _offer_sign_in_link(settings: Settings, sign_in: SignIn) -> None:
    """Where local sign-in is closed, whoever reads the log gets in. The one secret that is ever printed."""
    if settings.public_url is None and is_loopback_name(settings.host) and not settings.on_cloud_run:
        return
    address = settings.public_url or f"http://<this machine>:{settings.port}"
    # To the terminal and not through the log, which would redact it.
    sys.stderr.write(f"Sign in within 15 minutes: {address}/auth/link#{sign_in.make_link_code()}\n")
    sys.stderr.flush()
