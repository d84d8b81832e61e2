"""Bots and their logs."""

from __future__ import annotations

from roost.domain import bots as domain
from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_bots import (
    Bot,
    BotChange,
    BotList,
    LogLevel,
    LogLine,
    LogLineList,
    LogQuery,
    NewBot,
)


def index(call: Call, query: ListQuery) -> BotList:
    """Bots, oldest first: your own, or all for an owner."""
    found = call.services.bots.page(call.person, id_cursor(query.cursor), query.limit)
    return BotList(
        items=[shown_bot(bot) for bot in found.items], next_cursor=make_id_cursor(found.next_cursor)
    )


def create(call: Call, body: NewBot) -> Bot:
    """Register a bot: the platform is asked who the token belongs to."""
    wanted = domain.NewBot(
        platform=domain.Platform(body.platform),
        token=body.token,
        name=body.name,
        model=body.model,
        system_prompt=body.system_prompt,
        base_url=body.base_url,
        api_key=body.api_key,
        source_ids=_tuple(body.source_ids),
        allowed_chats=_tuple(body.allowed_chats),
        start=body.start,
        transport=domain.Transport(body.transport),
    )
    return shown_bot(call.services.bots.create(call.person, wanted, call.once(shown_bot)))


def get(call: Call, bot_id: str) -> Bot:
    """One bot."""
    return shown_bot(call.services.bots.get(call.person, bot_id))


def update(call: Call, bot_id: str, body: BotChange) -> Bot:
    """Change a bot; a running one takes the change without a restart."""
    sent = body.model_fields_set
    unset = domain.UNSET
    change = domain.BotChange(
        token=body.token if "token" in sent else unset,
        name=body.name if "name" in sent else unset,
        system_prompt=body.system_prompt if "system_prompt" in sent else unset,
        model=body.model if "model" in sent else unset,
        base_url=body.base_url if "base_url" in sent else unset,
        api_key=body.api_key if "api_key" in sent else unset,
        source_ids=_tuple(body.source_ids) if "source_ids" in sent else unset,
        allowed_chats=_tuple(body.allowed_chats) if "allowed_chats" in sent else unset,
        transport=domain.Transport(body.transport) if "transport" in sent else unset,
    )
    return shown_bot(call.services.bots.update(call.person, bot_id, change, call.once(shown_bot)))


def delete(call: Call, bot_id: str) -> None:
    """Stop and forget a bot."""
    call.services.bots.delete(call.person, bot_id, call.once(lambda _: None))


def start(call: Call, bot_id: str) -> Bot:
    """Want the bot running; may be repeated."""
    return _want(call, bot_id, domain.Desired.RUNNING)


def stop(call: Call, bot_id: str) -> Bot:
    """Want the bot stopped; may be repeated."""
    return _want(call, bot_id, domain.Desired.STOPPED)


def restart(call: Call, bot_id: str) -> Bot:
    """Stop the bot and start it again."""
    return shown_bot(call.services.bots.restart(call.person, bot_id, call.once(shown_bot)))


def logs(call: Call, bot_id: str, query: LogQuery) -> LogLineList:
    """The bot's latest log lines, oldest first; kept in memory only."""
    level = query.level or LogLevel.DEBUG
    found = call.services.bots.logs(
        call.person, bot_id, after=query.after or 0, level=level, limit=query.limit
    )
    items = [
        LogLine(id=line.id, at=line.at, level=LogLevel(line.level), text=line.text) for line in found.lines
    ]
    return LogLineList(items=items, next_cursor=None, dropped=found.dropped)


def shown_bot(view: domain.BotView) -> Bot:
    bot = view.bot
    return Bot(
        id=bot.id,
        owner_id=bot.owner_id,
        platform=bot.platform,
        name=bot.name,
        handle=bot.handle,
        token_last4=bot.token_last4,
        model=bot.model,
        system_prompt=bot.system_prompt,
        base_url=bot.base_url,
        has_api_key=bot.has_api_key,
        source_ids=_list(bot.source_ids),
        allowed_chats=_list(bot.allowed_chats),
        invite_url=domain.invite_url(bot),
        transport="webhook" if bot.transport == "webhook" else "polling",
        desired=bot.desired,
        status=view.status,
        reason=view.reason,
        since=view.since,
        uptime_s=view.uptime_s,
        last_contact_at=view.last_contact_at,
        last_message_at=view.last_message_at,
        messages_today=view.messages_today,
        tokens_today=view.tokens_today,
        tokens_limit=view.tokens_limit,
        privacy_mode=view.privacy_mode,
        deep_link=view.deep_link,
        created_at=bot.created_at,
        updated_at=bot.updated_at,
    )


def _want(call: Call, bot_id: str, desired: domain.Desired) -> Bot:
    return shown_bot(call.services.bots.set_desired(call.person, bot_id, desired, call.once(shown_bot)))


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
