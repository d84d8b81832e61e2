"""Bots, sources and conversations as records of a workspace's file, and back: every field is checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from roost.clock import parse_timestamp, timestamp
from roost.domain.answers import Citation
from roost.domain.bots import Bot, Desired, Platform
from roost.domain.chat import TEXT_LIMIT, TITLE_LIMIT, Message, MessageStatus, Thread, check_id, check_text
from roost.domain.documents import Source, SourceKind
from roost.errors import InvalidInput

NAME_LIMIT = 100
SHORT_LIMIT = 200
URL_LIMIT = 2_000
SECRET_LIMIT = 500
LIST_LIMIT = 1_000
ANSWER_LIMIT = 200_000
PERIOD_S = (60, 31_536_000)
WEB_ADDRESSES = ("https://", "http://", "/manual/")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImportedBot:
    """Its repr holds no secret. `token` is empty when the file holds none."""

    bot: Bot
    token: str
    api_key: str | None

    def __repr__(self) -> str:
        return f"ImportedBot({self.bot.id!r})"


def bot_record(bot: Bot) -> Record:
    """Without secrets and without whose it is."""
    return {
        "id": bot.id,
        "platform": bot.platform.value,
        "platform_bot_id": bot.platform_bot_id,
        "name": bot.name,
        "handle": bot.handle,
        "model": bot.model,
        "system_prompt": bot.system_prompt,
        "base_url": bot.base_url,
        "source_ids": None if bot.source_ids is None else list(bot.source_ids),
        "allowed_chats": None if bot.allowed_chats is None else list(bot.allowed_chats),
        "created_at": timestamp(bot.created_at),
    }


def source_record(source: Source) -> Record:
    return {
        "id": source.id,
        "kind": source.kind.value,
        "url": source.url,
        "every_s": source.every_s,
        "paused": source.paused,
        "created_at": timestamp(source.created_at),
    }


def thread_record(thread: Thread) -> Record:
    return {
        "thread": {
            "id": thread.id,
            "bot_id": thread.bot_id,
            "title": thread.title,
            "created_at": timestamp(thread.created_at),
            "updated_at": timestamp(thread.updated_at),
        }
    }


def message_record(message: Message) -> Record:
    return {
        "message": {
            "id": message.id,
            "thread_id": message.thread_id,
            "role": message.role,
            "text": message.text,
            "citations": [_citation_record(each) for each in message.citations],
            "nearest": [_citation_record(each) for each in message.nearest],
            "status": message.status.value,
            "model": message.model,
            "refused": message.refused,
            "notice": message.notice,
            "feedback": message.feedback,
            "created_at": timestamp(message.created_at),
        }
    }


def read_bot(record: Record, place: str, owner_id: str, now: datetime) -> ImportedBot:
    """Owned by whoever imports it, and stopped: the bot may still run where it came from."""
    fields = _Fields(record, place)
    platform = fields.choice("platform", [each.value for each in Platform])
    number = fields.text("platform_bot_id", 32)
    if not number.isascii() or not number.isdigit():
        raise fields.wrong("platform_bot_id")
    token = fields.optional_text("token", SECRET_LIMIT) or ""
    if token and platform == Platform.TELEGRAM.value and token.partition(":")[0] != number:
        raise fields.wrong("token")
    api_key = fields.optional_text("api_key", SECRET_LIMIT)
    bot = Bot(
        id=fields.id("id"),
        owner_id=owner_id,
        platform=Platform(platform),
        platform_bot_id=number,
        name=fields.text("name", NAME_LIMIT),
        handle=fields.text("handle", SHORT_LIMIT),
        token_last4=token[-4:],
        model=fields.optional_text("model", SHORT_LIMIT),
        system_prompt=fields.text("system_prompt", TEXT_LIMIT),
        desired=Desired.STOPPED,
        desired_since=now,
        base_url=fields.optional_web_address("base_url"),
        has_api_key=api_key is not None,
        source_ids=fields.optional_texts("source_ids"),
        allowed_chats=fields.optional_texts("allowed_chats"),
        transport="polling",
        created_at=fields.moment("created_at"),
        updated_at=now,
        proven=False,
    )
    return ImportedBot(bot, token, api_key)


def read_source(record: Record, place: str, owner_id: str) -> Source:
    fields = _Fields(record, place)
    kind = SourceKind(fields.choice("kind", [each.value for each in SourceKind]))
    every_s = record.get("every_s")
    if type(every_s) is not int or not PERIOD_S[0] <= every_s <= PERIOD_S[1]:
        raise fields.wrong("every_s")
    url = fields.optional_text("url", URL_LIMIT)
    if (url is None) != (kind is SourceKind.MANUAL):
        raise fields.wrong("url")
    return Source(
        id=fields.id("id"),
        kind=kind,
        url=url,
        every_s=every_s,
        paused=fields.flag("paused"),
        owner_id=owner_id,
        created_at=fields.moment("created_at"),
    )


def read_thread(record: Record, place: str, owner_id: str) -> Thread:
    fields = _Fields(record, place)
    return Thread(
        id=fields.id("id"),
        owner_id=owner_id,
        bot_id=fields.optional_text("bot_id", 64),
        platform="web",
        title=fields.text("title", TITLE_LIMIT),
        created_at=fields.moment("created_at"),
        updated_at=fields.moment("updated_at"),
    )


def read_message(record: Record, place: str) -> Message:
    fields = _Fields(record, place)
    role = fields.choice("role", ["user", "assistant"])
    status = MessageStatus(fields.choice("status", ["done", "stopped", "failed"]))
    text = record.get("text")
    if text != "" or status is MessageStatus.DONE:
        text = fields.text("text", ANSWER_LIMIT)
    feedback = record.get("feedback")
    if feedback not in (None, "up", "down"):
        raise fields.wrong("feedback")
    return Message(
        id=fields.id("id"),
        thread_id=fields.id("thread_id"),
        seq=0,
        role=role,
        text=str(text),
        citations=fields.citations("citations"),
        nearest=fields.citations("nearest"),
        run_id=None,
        status=status,
        model=fields.optional_text("model", SHORT_LIMIT),
        refused=fields.flag("refused"),
        notice=fields.optional_text("notice", TEXT_LIMIT),
        created_at=fields.moment("created_at"),
        feedback=feedback,
    )


def moved(thread: Thread, thread_id: str, bot_id: str | None) -> Thread:
    return replace(thread, id=thread_id, bot_id=bot_id)


def _citation_record(citation: Citation) -> Record:
    return {"n": citation.n, "title": citation.title, "url": citation.url, "text": citation.text}


class _Fields:
    """A record's fields, each checked as it is taken. Raises InvalidInput, never repeating a value."""

    def __init__(self, record: object, place: str) -> None:
        if not isinstance(record, dict):
            raise InvalidInput(f"{place} is not what an export holds there. Export again.", code="damaged")
        self._record: Record = record
        self._place = place

    def wrong(self, name: str) -> InvalidInput:
        return InvalidInput(
            f"{self._place}: {name} is missing or cannot be used. Export again.",
            field=name,
            code="invalid_record",
        )

    def text(self, name: str, limit: int) -> str:
        value = self._record.get(name)
        if not isinstance(value, str):
            raise self.wrong(name)
        try:
            return check_text(value, field=name, limit=limit)
        except InvalidInput as error:
            raise self.wrong(name) from error

    def optional_text(self, name: str, limit: int) -> str | None:
        return None if self._record.get(name) is None else self.text(name, limit)

    def optional_web_address(self, name: str) -> str | None:
        value = self.optional_text(name, URL_LIMIT)
        if value is not None and not value.startswith(WEB_ADDRESSES[:2]):
            raise self.wrong(name)
        return value

    def id(self, name: str) -> str:
        try:
            return check_id(self.text(name, 64), field=name)
        except InvalidInput as error:
            raise self.wrong(name) from error

    def flag(self, name: str) -> bool:
        value = self._record.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def choice(self, name: str, choices: list[str]) -> str:
        value = self._record.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(name)
        return value

    def moment(self, name: str) -> datetime:
        try:
            return parse_timestamp(self.text(name, 40))
        except (ValueError, OverflowError) as error:
            raise self.wrong(name) from error

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        values = self._record.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or len(values) > LIST_LIMIT:
            raise self.wrong(name)
        if any(not isinstance(value, str) or not 0 < len(value) <= 64 for value in values):
            raise self.wrong(name)
        return tuple(values)

    def citations(self, name: str) -> tuple[Citation, ...]:
        values = self._record.get(name)
        if not isinstance(values, list) or len(values) > 50:
            raise self.wrong(name)
        return tuple(self._citation(name, value) for value in values)

    def _citation(self, name: str, value: object) -> Citation:
        """A citation becomes a link on a page: what is no address of the web is refused."""
        fields = _Fields(value, f"{self._place}, {name}")
        url = fields.text("url", URL_LIMIT)
        number = fields._record.get("n")
        if not url.startswith(WEB_ADDRESSES) or type(number) is not int:
            raise self.wrong(name)
        return Citation(number, fields.text("title", URL_LIMIT), url, fields.text("text", ANSWER_LIMIT))
