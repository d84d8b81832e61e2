"""A person's bots, the sources and that person's conversations, written into a file and taken over from one.

An import is done in small transactions and can be repeated: what is there already is left as it is, so that
one which was cut off is simply done again. Whoever imports becomes the owner of everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO
from uuid import UUID

from roost.clock import Clock, timestamp, uuid7
from roost.domain.accounts import Person
from roost.domain.audit import Action
from roost.domain.bots import Bot
from roost.domain.chat import Message, MessageStatus, Thread
from roost.domain.documents import Source, SourceKind
from roost.errors import AddressRefused, Forbidden, InvalidInput
from roost.services.audit import Audit
from roost.services.ingestion import Ingestion
from roost.services.ports import Crawler
from roost.services.workspace_archive import Archive, Record, write_archive
from roost.services.workspace_records import (
    ImportedBot,
    bot_record,
    message_record,
    moved,
    read_bot,
    read_message,
    read_source,
    read_thread,
    source_record,
    thread_record,
)
from roost.storage import chat, sources, transfer
from roost.storage.bots import BotStore
from roost.storage.database import Database

READ_AT_ONCE = 200
WRITTEN_AT_ONCE = 200
REFUSALS_TOLD = 50


@dataclass(slots=True)
class Tally:
    """`known`: it was there already, and was left as it is."""

    added: int = 0
    known: int = 0


@dataclass(slots=True)
class Imported:
    """What an import came to. `refused` are sentences, 50 at most."""

    bots: Tally = field(default_factory=Tally)
    sources: Tally = field(default_factory=Tally)
    conversations: Tally = field(default_factory=Tally)
    messages: Tally = field(default_factory=Tally)
    tokens_missing: int = 0
    refused: list[str] = field(default_factory=list)


class WorkspaceTransfer:
    """`conversations` is conversations.db; bots and sources are in the store's own bot_configs.db."""

    def __init__(
        self,
        bots: BotStore,
        conversations: Database,
        ingestion: Ingestion,
        crawlers: Mapping[SourceKind, Crawler],
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._bots = bots
        self._conversations = conversations
        self._ingestion = ingestion
        self._crawlers = crawlers
        self._clock = clock
        self._audit = audit

    def export(self, person: Person, file: IO[bytes], *, tokens: bool) -> None:
        """Raises Forbidden for guests, DecryptionRefused when a token is asked for and cannot be opened."""
        _require_builder(person)
        write_archive(
            file,
            {
                "sources.jsonl": self._source_records(),
                "bots.jsonl": self._bot_records(person, tokens),
                "conversations.jsonl": self._conversation_records(person),
            },
            made_at=timestamp(self._clock.now()),
            tokens=tokens,
        )
        self._audit.record(
            Action.WORKSPACE_EXPORTED, person, detail="with tokens" if tokens else "without tokens"
        )

    def import_(self, person: Person, file: IO[bytes]) -> Imported:
        """Raises InvalidInput, naming the place, before anything is written; TooLarge; Forbidden."""
        _require_builder(person)
        archive = Archive(file)
        now = self._clock.now()
        wanted_sources = [
            read_source(record, f"sources.jsonl, line {line}", person.id)
            for line, record in archive.records("sources.jsonl")
        ]
        wanted_bots = [
            read_bot(record, f"bots.jsonl, line {line}", person.id, now)
            for line, record in archive.records("bots.jsonl")
        ]
        for _ in _conversations(archive, person.id):
            pass
        done = Imported()
        source_ids = self._import_sources(person, wanted_sources, done)
        bot_ids = self._import_bots(person, wanted_bots, source_ids, done)
        self._import_conversations(person, archive, bot_ids, done)
        self._audit.record(
            Action.WORKSPACE_IMPORTED,
            person,
            detail=f"{done.bots.added} bots, {done.sources.added} sources, {done.conversations.added} "
            "conversations added",
        )
        return done

    def _source_records(self) -> Iterator[Record]:
        with self._bots.database.read() as db:
            listed = sources.list_sources(db)
        return map(source_record, listed)

    def _bot_records(self, person: Person, tokens: bool) -> Iterator[Record]:
        after: str | None = None
        while batch := self._bots.page(person.id, after, READ_AT_ONCE):
            for bot in batch:
                record = bot_record(bot)
                if tokens:
                    credentials = self._bots.credentials(bot.id)
                    record |= {"token": credentials.token or None, "api_key": credentials.answers.api_key}
                yield record
            after = batch[-1].id

    def _conversation_records(self, person: Person) -> Iterator[Record]:
        before: tuple[str, str] | None = None
        while threads := self._threads(person, before):
            for thread in threads:
                yield thread_record(thread)
                yield from map(message_record, self._messages(thread.id))
            before = (timestamp(threads[-1].updated_at), threads[-1].id)

    def _threads(self, person: Person, before: tuple[str, str] | None) -> Sequence[Thread]:
        with self._conversations.read() as db:
            return chat.list_threads(db, person.id, query=None, before=before, limit=READ_AT_ONCE)

    def _messages(self, thread_id: str) -> Iterator[Message]:
        """Those that are finished: what is in the making belongs to this installation."""
        after = 0
        while True:
            with self._conversations.read() as db:
                batch = chat.list_messages(db, thread_id, after_seq=after, limit=READ_AT_ONCE)
            if not batch:
                return
            yield from (message for message in batch if message.status is not MessageStatus.PENDING)
            after = batch[-1].seq

    def _import_sources(self, person: Person, wanted: Sequence[Source], done: Imported) -> Mapping[str, str]:
        """Which source here each of the file's sources is."""
        ids: dict[str, str] = {}
        for source in wanted:
            try:
                allowed = self._allowed(source)
            except (AddressRefused, InvalidInput) as error:
                _refuse(done, f"the source {source.url}: {error.message}")
                continue
            take = partial(transfer.take_source, source=allowed, other_id=_own_id(person, source.id))
            stored = self._bots.database.write(take)
            ids[source.id] = stored.source.id
            _count(done.sources, stored.added)
            if stored.added:
                self._ingestion.source_changed(stored.source)
        return ids

    def _allowed(self, source: Source) -> Source:
        """With its address as the policy writes it. Raises AddressRefused."""
        if source.url is None:
            return source
        return replace(source, url=self._crawlers[source.kind].check_address(source.url))

    def _import_bots(
        self, person: Person, wanted: Sequence[ImportedBot], source_ids: Mapping[str, str], done: Imported
    ) -> Mapping[str, str]:
        """Which bot here each of the file's bots is, of those that are this person's."""
        ids: dict[str, str] = {}
        for imported in wanted:
            bot = imported.bot
            chosen = bot.source_ids and tuple(
                source_ids[each] for each in bot.source_ids if each in source_ids
            )
            fresh = replace(imported, bot=replace(bot, source_ids=chosen))
            stored, added = self._bots.database.write(partial(self._take_bot, person, fresh))
            if stored.owner_id != person.id:
                remedy = "" if stored.proven else " They have shown no token of it: add it by its token."
                _refuse(done, f"the bot @{bot.handle}: it is registered already, by somebody else.{remedy}")
                continue
            ids[bot.id] = stored.id
            _count(done.bots, added)
            if added and not imported.token:
                done.tokens_missing += 1
        return ids

    def _take_bot(self, person: Person, imported: ImportedBot, db: transfer.Connection) -> tuple[Bot, bool]:
        """The platform's bot, as it is stored already or from now on; True when it is new."""
        bot = imported.bot
        known = self._bots.find_on_platform(db, bot.platform, bot.platform_bot_id)
        if known is not None:
            return known, False
        if self._bots.find_in(db, bot.id) is not None:
            bot = replace(bot, id=_own_id(person, bot.id))
        return self._bots.register(db, bot, imported.token, imported.api_key, _impossible, (bot, True))

    def _import_conversations(
        self, person: Person, archive: Archive, bot_ids: Mapping[str, str], done: Imported
    ) -> None:
        batch: list[Thread | Message] = []
        thread_ids: dict[str, str] = {}

        def store() -> None:
            counted = self._conversations.write(
                lambda db: transfer.take_conversations(
                    db, person.id, batch, thread_ids, lambda old: _own_id(person, old)
                )
            )
            thread_ids.update(counted.thread_ids)
            done.conversations.added += counted.threads_added
            done.conversations.known += counted.threads_known
            done.messages.added += counted.messages_added
            done.messages.known += counted.messages_known
            batch.clear()

        for item in _conversations(archive, person.id):
            if isinstance(item, Thread):
                item = moved(item, item.id, bot_ids.get(item.bot_id or ""))
            batch.append(item)
            if len(batch) == WRITTEN_AT_ONCE:
                store()
        if batch:
            store()


def _conversations(archive: Archive, owner_id: str) -> Iterator[Thread | Message]:
    """A thread, then its messages. Raises InvalidInput for a message of another."""
    thread_id: str | None = None
    for line, record in archive.records("conversations.jsonl"):
        place = f"conversations.jsonl, line {line}"
        if "thread" in record:
            thread = read_thread(record["thread"], place, owner_id)
            thread_id = thread.id
            yield thread
            continue
        message = read_message(record.get("message"), place)  # type: ignore[arg-type]
        if message.thread_id != thread_id:
            raise InvalidInput(
                f"{place}: the message is in another conversation. Export again.", code="damaged"
            )
        yield message


def _own_id(person: Person, old: str) -> str:
    """Where an id is somebody else's already: one that is always the same for this person and that id."""
    digest = hashlib.sha256(f"{person.id}\0{old}".encode()).digest()
    return uuid7(UUID(old).int >> 80, digest[:10])


def _count(tally: Tally, added: bool) -> None:
    if added:
        tally.added += 1
    else:
        tally.known += 1


def _refuse(done: Imported, sentence: str) -> None:
    if len(done.refused) < REFUSALS_TOLD:
        done.refused.append(sentence)


def _impossible(other: Bot) -> Exception:
    return InvalidInput(f"@{other.handle} was registered meanwhile. Import again.")


def _require_builder(person: Person) -> None:
    if not person.may_build:
        raise Forbidden("Guests have the chat only. Ask an owner to invite you as a member.")
