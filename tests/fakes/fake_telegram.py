"""A Telegram Bot API on loopback that drives the real client, plays the people, and misbehaves on request.

The Bot API stands under `/bot<token>/<method>`. People and faults come in through `/control/<operation>` with
JSON; `TelegramControl` speaks that from a test, `FakeTelegram` runs the server in a thread, and
`python -m tests.fakes.fake_telegram PORT` runs it alone.

Source: https://core.telegram.org/bots/api, and what the real clients were seen to do.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
from aiohttp import web

Json = dict[str, Any]

MESSAGE_LIMIT = 4096
GROUP_LIMIT = 20
RETRY_BRINGING_S = 0.2
GROUP_WINDOW_S = 60.0
CALLBACK_LIMIT_BYTES = 64
TAGS = frozenset(("a", "b", "blockquote", "code", "del", "em", "i", "ins", "pre", "s", "strong", "u"))
CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_CONFLICT = (
    "Conflict: can't use getUpdates method while webhook is active;"
    " use deleteWebhook to delete the webhook first"
)


class ApiError(Exception):
    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


@dataclass
class FakeBot:
    token: str
    updates: deque[Json] = field(default_factory=deque)
    delivered_ids: list[int] = field(default_factory=list)
    messages: dict[tuple[int, int], Json] = field(default_factory=dict)
    sends: list[Json] = field(default_factory=list)
    edits: list[Json] = field(default_factory=list)
    drafts: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=20_000))
    commands: list[Json] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    silenced: set[int] = field(default_factory=set)
    moved: dict[int, int] = field(default_factory=dict)
    sees_groups: bool = False
    presses: dict[str, Json] = field(default_factory=dict)
    press_answers: list[Json] = field(default_factory=list)
    writes: dict[int, list[float]] = field(default_factory=dict)
    floods: int = 0
    conflicts: int = 0
    webhook: str = ""
    webhook_secret: str = ""
    webhook_allowed: list[str] = field(default_factory=list)
    webhook_error: Json = field(default_factory=dict)
    brought: list[Json] = field(default_factory=list)
    bringing: asyncio.Task[None] | None = None
    next_update_id: int = 0
    next_message_id: int = 1
    poll: asyncio.Future[None] | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.next_update_id = self.id * 1000 + 1

    @property
    def id(self) -> int:
        return int(self.token.partition(":")[0])

    @property
    def user(self) -> Json:
        return {
            "id": self.id,
            "is_bot": True,
            "first_name": f"Bot {self.id}",
            "username": f"bot{self.id}_bot",
            "can_join_groups": True,
            "can_read_all_group_messages": self.sees_groups,
            "supports_inline_queries": False,
        }

    def new_message(self, chat: Json, sender: Json, **content: Any) -> Json:
        message = {
            "message_id": self.next_message_id,
            "date": int(time.time()),
            "chat": chat,
            "from": sender,
            **content,
        }
        self.next_message_id += 1
        self.messages[chat["id"], message["message_id"]] = message
        return message

    def push(self, kind: str, content: Json) -> int:
        update_id = self.next_update_id
        self.next_update_id += 1
        self.updates.append({"update_id": update_id, kind: content})
        self.arrived.set()
        return update_id


@dataclass
class Fault:
    """What happens to the next `n` calls of a method instead of, or besides, what should."""

    kind: str
    token: str = "*"
    method: str = "*"
    n: int = 1
    retry_after: int = 1
    seconds: float = 30.0
    code: int = 502

    def concerns(self, token: str, method: str) -> bool:
        return self.n > 0 and self.token in ("*", token) and self.method.lower() in ("*", method)


@dataclass
class Hold:
    """Calls of a method wait until released: after the work is done when `accept`, else before."""

    token: str
    method: str
    accept: bool
    released: asyncio.Event = field(default_factory=asyncio.Event)


class TelegramApi:
    """The server's state and routes. Lives in one loop."""

    def __init__(self) -> None:
        self.bots: dict[str, FakeBot] = {}
        self.faults: list[Fault] = []
        self.holds: list[Hold] = []
        self.latencies: dict[str, float] = {}
        self.reply_latencies: dict[str, float] = {}
        self.down = False
        self.knows_drafts = False
        self.app = web.Application()
        self.app.router.add_route("*", "/bot{token}/{method}", self._handle_api)
        self.app.router.add_post("/control/{operation}", self._handle_control)

    async def _handle_api(self, request: web.Request) -> web.StreamResponse:
        token, method = request.match_info["token"], request.match_info["method"].lower()
        fields = await _fields(request)
        if self.down:
            _abort(request)
        if not re.fullmatch(r"\d+:[\w-]+", token):
            return _refusal(ApiError(404, "Not Found"))
        bot = self.bots.get(token)
        if bot is None:
            return _refusal(ApiError(401, "Unauthorized"))
        bot.calls.append({"method": method, "at": time.time(), "fields": fields})
        if method in self.latencies or "*" in self.latencies:
            await asyncio.sleep(self.latencies.get(method, self.latencies.get("*", 0.0)))
        fault = next((each for each in self.faults if each.concerns(token, method)), None)
        try:
            if fault is not None:
                fault.n -= 1
                return await self._misbehave(fault, request, bot, method, fields)
            await self._wait_while_held(token, method, accept=False)
            result = await self._call(bot, method, fields)
            await self._wait_while_held(token, method, accept=True)
            await asyncio.sleep(self.reply_latencies.get(method, 0.0))
        except ApiError as error:
            return _refusal(error)
        return _json({"ok": True, "result": result})

    async def _wait_while_held(self, token: str, method: str, *, accept: bool) -> None:
        for hold in list(self.holds):
            if hold.accept is accept and hold.token in ("*", token) and hold.method.lower() == method:
                await hold.released.wait()

    async def _misbehave(
        self, fault: Fault, request: web.Request, bot: FakeBot, method: str, fields: Json
    ) -> web.Response:
        """The faulty answer."""
        match fault.kind:
            case "429":
                raise ApiError(
                    429, f"Too Many Requests: retry after {fault.retry_after}", retry_after=fault.retry_after
                )
            case "420":
                raise ApiError(420, f"FLOOD_WAIT_{fault.retry_after}")
            case "401":
                raise ApiError(401, "Unauthorized")
            case "403":
                raise ApiError(403, "Forbidden: bot was blocked by the user")
            case "404":
                raise ApiError(404, "Not Found")
            case "409":
                raise ApiError(409, CONFLICT)
            case "entities":
                raise ApiError(400, "Bad Request: can't parse entities: unsupported start tag")
            case "5xx":
                return web.Response(
                    text="<html>Bad Gateway</html>", status=fault.code, content_type="text/html"
                )
            case "badjson":
                return web.Response(text='{"ok":tru', content_type="application/json")
            case "hang":
                return await asyncio.shield(
                    asyncio.ensure_future(self._hang(fault.seconds, bot, method, fields))
                )
            case "lost":
                await self._call(bot, method, fields)
        _abort(request)
        raise AssertionError("unreachable")

    async def _hang(self, seconds: float, bot: FakeBot, method: str, fields: Json) -> web.Response:
        """The work is done late, also when the client has given up waiting."""
        await asyncio.sleep(seconds)
        return _json({"ok": True, "result": await self._call(bot, method, fields)})

    async def _call(self, bot: FakeBot, method: str, fields: Json) -> Any:
        match method:
            case "getme":
                return bot.user
            case "getupdates":
                return await self._get_updates(bot, fields)
            case "sendmessage":
                return self._send_message(bot, fields)
            case "editmessagetext":
                return self._edit_message(bot, fields)
            case "sendmessagedraft" if self.knows_drafts:
                return _take_draft(bot, fields)
            case "sendchataction":
                bot.actions.append({"chat_id": int(fields["chat_id"]), "action": fields["action"]})
                return True
            case "deletemessage":
                return _delete_message(bot, fields)
            case "editmessagereplymarkup":
                return self._edit_markup(bot, fields)
            case "answercallbackquery":
                return self._answer_press(bot, fields)
            case "setmycommands":
                bot.commands = fields["commands"]
                return True
            case "setwebhook" | "deletewebhook" | "getwebhookinfo":
                return self._about_webhook(bot, method, fields)
            case _:
                raise ApiError(404, "Not Found: method not found")

    def _about_webhook(self, bot: FakeBot, method: str, fields: Json) -> Any:
        if method == "getwebhookinfo":
            return {
                "url": bot.webhook,
                "has_custom_certificate": False,
                "pending_update_count": len(bot.updates),
                **bot.webhook_error,
            }
        if method == "deletewebhook":
            bot.webhook, bot.webhook_error = "", {}
            return True
        bot.webhook, bot.webhook_secret = str(fields.get("url", "")), str(fields.get("secret_token", ""))
        if not re.fullmatch(r"[\w-]{0,256}", bot.webhook_secret, re.ASCII):
            raise ApiError(400, "Bad Request: secret token contains unallowed characters")
        bot.webhook_allowed = fields.get("allowed_updates") or []
        if bot.bringing is None or bot.bringing.done():
            bot.bringing = asyncio.ensure_future(self._bring(bot))
        return True

    async def _bring(self, bot: FakeBot) -> None:
        """Brings what waits, in order, each until it is taken: as Telegram does, only less patiently."""
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
            while bot.webhook:
                allowed = bot.webhook_allowed
                waiting = [
                    each for each in bot.updates if not allowed or any(kind in each for kind in allowed)
                ]
                if not waiting:
                    bot.arrived.clear()
                    await asyncio.wait({asyncio.ensure_future(bot.arrived.wait())}, timeout=0.2)
                    continue
                status = await self._bring_one(bot, http, waiting[0])
                bot.brought.append({"update_id": waiting[0]["update_id"], "status": status})
                if 200 <= status < 300:
                    if waiting[0] in bot.updates:
                        bot.updates.remove(waiting[0])
                else:
                    words = f"Wrong response from the webhook: {status}" if status else "Connection refused"
                    bot.webhook_error = {"last_error_date": int(time.time()), "last_error_message": words}
                    await asyncio.sleep(RETRY_BRINGING_S)

    async def _bring_one(self, bot: FakeBot, http: httpx.AsyncClient, update: Json) -> int:
        """The status of the answer; 0 when there was none."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": bot.webhook_secret} if bot.webhook_secret else {}
        try:
            return (await http.post(bot.webhook, json=update, headers=headers)).status_code
        except httpx.HTTPError:
            return 0

    async def _get_updates(self, bot: FakeBot, fields: Json) -> list[Json]:
        if bot.webhook:
            raise ApiError(409, WEBHOOK_CONFLICT)
        if bot.poll is not None and not bot.poll.done():
            bot.poll.set_result(None)
            bot.conflicts += 1
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        bot.poll = mine
        offset = int(fields.get("offset") or 0)
        while offset > 0 and bot.updates and bot.updates[0]["update_id"] < offset:
            bot.updates.popleft()
        deadline = time.monotonic() + float(fields.get("timeout") or 0)
        try:
            while not bot.updates and (left_s := deadline - time.monotonic()) > 0:
                bot.arrived.clear()
                arrival = asyncio.ensure_future(bot.arrived.wait())
                waits: set[asyncio.Future[Any]] = {arrival, mine}
                await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                arrival.cancel()
                if mine.done():
                    raise ApiError(409, CONFLICT)
        finally:
            if bot.poll is mine:
                bot.poll = None
        allowed = fields.get("allowed_updates") or []
        wanted = [each for each in bot.updates if not allowed or any(kind in each for kind in allowed)]
        limited = wanted[: int(fields.get("limit") or 100)]
        bot.delivered_ids += [each["update_id"] for each in limited]
        return limited

    def _send_message(self, bot: FakeBot, fields: Json) -> Json:
        chat_id = int(fields["chat_id"])
        self._admit(bot, chat_id)
        shown = shown_text(fields)
        more: Json = {"reply_markup": _checked_markup(fields)} if "reply_markup" in fields else {}
        if "message_thread_id" in fields:
            more |= {"message_thread_id": int(fields["message_thread_id"]), "is_topic_message": True}
        chat = {"id": chat_id, "type": "private" if chat_id > 0 else "supergroup"}
        message = bot.new_message(chat, bot.user, text=shown, **more)
        bot.sends.append(
            {
                "chat_id": chat_id,
                "message_id": message["message_id"],
                "at": time.time(),
                "text": shown,
                "fields": fields,
            }
        )
        return message

    def _admit(self, bot: FakeBot, chat_id: int) -> None:
        """What Telegram checks before anything is written into a chat, its limit for groups included."""
        if chat_id in bot.moved:
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=bot.moved[chat_id],
            )
        if chat_id in bot.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if chat_id in bot.silenced:
            raise ApiError(400, "Bad Request: not enough rights to send text messages to the chat")
        if chat_id > 0:
            return
        now = time.monotonic()
        recent = [at for at in bot.writes.get(chat_id, []) if at > now - GROUP_WINDOW_S]
        if len(recent) >= GROUP_LIMIT:
            bot.floods += 1
            wait_s = int(recent[0] + GROUP_WINDOW_S - now) + 1
            raise ApiError(429, f"Too Many Requests: retry after {wait_s}", retry_after=wait_s)
        bot.writes[chat_id] = [*recent, now]

    def _edit_markup(self, bot: FakeBot, fields: Json) -> Json:
        key = int(fields["chat_id"]), int(fields["message_id"])
        self._admit(bot, key[0])
        message = bot.messages.get(key)
        if message is None:
            raise ApiError(400, "Bad Request: message to edit not found")
        markup = _checked_markup(fields)
        if message.get("reply_markup") == markup:
            raise ApiError(400, "Bad Request: message is not modified")
        bot.messages[key] = {**message, "reply_markup": markup}
        return bot.messages[key]

    def _answer_press(self, bot: FakeBot, fields: Json) -> bool:
        press_id = str(fields["callback_query_id"])
        if bot.presses.pop(press_id, None) is None:
            raise ApiError(400, "Bad Request: query is too old and response timeout expired")
        bot.press_answers.append({"id": press_id, "text": fields.get("text", "")})
        return True

    def _edit_message(self, bot: FakeBot, fields: Json) -> Json:
        key = int(fields["chat_id"]), int(fields["message_id"])
        self._admit(bot, key[0])
        message = bot.messages.get(key)
        if message is None:
            raise ApiError(400, "Bad Request: message to edit not found")
        shown = shown_text(fields)
        if message["text"] == shown and "parse_mode" not in fields:
            raise ApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are"
                " exactly the same as a current content and reply markup of the message",
            )
        message = {**message, "text": shown, "edit_date": int(time.time())}
        message.pop("reply_markup", None)
        if "reply_markup" in fields:
            message["reply_markup"] = _checked_markup(fields)
        bot.messages[key] = message
        bot.edits.append(
            {"chat_id": key[0], "message_id": key[1], "at": time.time(), "text": shown, "fields": fields}
        )
        return message

    def _press(self, bot: FakeBot, given: Json) -> str:
        """Somebody presses the button with that label or data; the query is answered once, or never."""
        message = bot.messages[given["chat_id"], given["message_id"]]
        buttons = [each for row in message.get("reply_markup", {}).get("inline_keyboard", []) for each in row]
        data = given.get("data") or next(
            each["callback_data"] for each in buttons if given["label"] in each["text"]
        )
        press_id = f"press-{bot.next_update_id}"
        if not given.get("too_late"):
            bot.presses[press_id] = given
        if given.get("inaccessible"):
            message = {"chat": message["chat"], "message_id": message["message_id"], "date": 0}
        bot.push(
            "callback_query",
            {
                "id": press_id,
                "from": {"id": given.get("user_id", given["chat_id"]), "is_bot": False, "first_name": "U"},
                "message": message,
                "chat_instance": "1",
                "data": data,
            },
        )
        return press_id

    def _change_group(self, bot: FakeBot, operation: str, given: Json) -> None:
        """`told` False: the bot gets no update of it, and learns it when it writes."""
        if operation == "sees_groups":
            bot.sees_groups = bool(given["on"])
            return
        chat_id, told = given["chat_id"], given.get("told", True)
        if operation == "migrate":
            bot.moved[chat_id] = given["new_chat_id"]
            sender = {"id": given.get("user_id", 1), "is_bot": False, "first_name": "U"}
            group = {"id": chat_id, "type": "group", "title": "G"}
            if told:
                message = bot.new_message(group, sender, migrate_to_chat_id=given["new_chat_id"])
                bot.push("message", message)
            return
        member: Json = {"status": "member", "user": bot.user}
        if given["may_write"]:
            bot.silenced.discard(chat_id)
        else:
            bot.silenced.add(chat_id)
            member |= {"status": "restricted", "can_send_messages": False}
        if told:
            chat = {"id": chat_id, "type": "supergroup", "title": "G"}
            bot.push("my_chat_member", {"chat": chat, "date": 1, "new_chat_member": member})

    async def _handle_control(self, request: web.Request) -> web.Response:
        operation, given = request.match_info["operation"], await request.json()
        match operation:
            case "add":
                self.bots |= {token: FakeBot(token) for token in given["tokens"] if token not in self.bots}
                return _json({})
            case "revoke":
                self.bots.pop(given["token"], None)
                return _json({})
            case "down":
                self.down = bool(given["down"])
                return _json({})
            case "drafts":
                # Bot API servers before 9.5 have none for most bots.
                self.knows_drafts = bool(given["known"])
                return _json({})
            case "fault":
                self.faults.append(Fault(**given))
                return _json({})
            case "hold":
                self.holds.append(Hold(given["token"], given["method"], bool(given["accept"])))
                return _json({})
            case "release":
                for hold in self.holds:
                    hold.released.set()
                self.holds.clear()
                return _json({})
            case "latency" | "reply_latency":
                latencies = self.latencies if operation == "latency" else self.reply_latencies
                latencies[given["method"].lower()] = float(given["seconds"])
                return _json({})
            case "polling":
                return _json({"polling": sum(bot.poll is not None for bot in self.bots.values())})
            case _:
                return self._control_bot(self.bots[given["token"]], operation, given)

    def _control_bot(self, bot: FakeBot, operation: str, given: Json) -> web.Response:
        match operation:
            case "message":
                kind = "private" if given["chat_id"] > 0 else "supergroup"
                chat = {"id": given["chat_id"], "type": given.get("chat_type", kind), "first_name": "U"}
                sender = {
                    "id": given.get("user_id", given["chat_id"]),
                    "is_bot": given.get("is_bot", False),
                    "first_name": given.get("first_name", "U"),
                }
                if "replies_to" in given:
                    replied = bot.messages[given["chat_id"], given["replies_to"]]
                    given["content"]["reply_to_message"] = replied
                message = bot.new_message(chat, sender, **given["content"])
                update_id = bot.push(given.get("kind", "message"), message)
                return _json({"update_id": update_id, "message_id": message["message_id"]})
            case "press":
                return _json({"press_id": self._press(bot, given)})
            case "migrate" | "rights" | "sees_groups":
                self._change_group(bot, operation, given)
                return _json({})
            case "raw":
                bot.updates.append(given["update"])
                bot.arrived.set()
                return _json({})
            case "redeliver":
                bot.updates.extendleft(reversed(given["updates"]))
                bot.arrived.set()
                return _json({})
            case "block":
                bot.blocked.add(given["chat_id"])
                return _json({})
            case "webhook":
                bot.webhook = given["url"]
                return _json({})
            case "state":
                return _json(
                    {
                        "pending": list(bot.updates),
                        "sends": bot.sends,
                        "edits": bot.edits,
                        "drafts": bot.drafts,
                        "actions": bot.actions,
                        "commands": bot.commands,
                        "webhook": bot.webhook,
                        "webhook_secret": bot.webhook_secret,
                        "brought": bot.brought,
                        "press_answers": bot.press_answers,
                        "floods": bot.floods,
                        "conflicts": bot.conflicts,
                        "polling": bot.poll is not None,
                        "calls": [
                            {"method": call["method"], "at": call["at"], "fields": call["fields"]}
                            for call in bot.calls
                        ],
                    }
                )
            case "messages":
                return _json(
                    {
                        "messages": [
                            message for (chat, _), message in bot.messages.items() if chat == given["chat_id"]
                        ]
                    }
                )
            case _:
                raise web.HTTPNotFound(text=f"no operation {operation}")


class TelegramControl:
    """Plays the people and the faults of a running server, over HTTP. Blocking."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def control(self, operation: str, **given: Any) -> Json:
        answer = self._http.post(f"/control/{operation}", json=given)
        answer.raise_for_status()
        result: Json = answer.json()
        return result

    def add(self, *tokens: str) -> None:
        self.control("add", tokens=list(tokens))

    def text(self, token: str, chat_id: int, text: str, **more: Any) -> int:
        """Somebody writes a text; returns the update's id."""
        content: Json = {"text": text}
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return int(
            self.control("message", token=token, chat_id=chat_id, content=content, **more)["update_id"]
        )

    def message(self, token: str, chat_id: int, content: Json, **more: Any) -> int:
        """Somebody sends something else, for example {"sticker": {...}}."""
        return int(
            self.control("message", token=token, chat_id=chat_id, content=content, **more)["update_id"]
        )

    def fault(self, kind: str, method: str = "*", token: str = "*", n: int = 1, **more: Any) -> None:
        self.control("fault", kind=kind, method=method, token=token, n=n, **more)

    def hold(self, method: str, token: str = "*", *, accept: bool = True) -> None:
        """Withholds the replies of a method until `release`; with `accept` the work is done before."""
        self.control("hold", token=token, method=method, accept=accept)

    def release(self) -> None:
        self.control("release")

    def press(self, token: str, chat_id: int, message_id: int, **more: Any) -> str:
        """Somebody presses the button with that `label`, or with that `data`; returns the query's id."""
        return str(
            self.control("press", token=token, chat_id=chat_id, message_id=message_id, **more)["press_id"]
        )

    def last_message(self, token: str, chat_id: int) -> Json:
        """The latest message of a chat, whoever wrote it."""
        message: Json = self.control("messages", token=token, chat_id=chat_id)["messages"][-1]
        return message

    def state(self, token: str) -> Json:
        return self.control("state", token=token)

    def sends(self, token: str, chat_id: int | None = None) -> list[str]:
        """The texts that were accepted by sendMessage, in order."""
        return [
            send["text"]
            for send in self.state(token)["sends"]
            if chat_id is None or send["chat_id"] == chat_id
        ]

    def polling(self) -> int:
        """How many bots wait in a long poll."""
        return int(self.control("polling")["polling"])


class FakeTelegram(TelegramControl):
    """The server in a thread of this process, for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="fake-telegram", daemon=True)
        self._thread.start()
        self._started.wait(10)
        super().__init__(f"http://127.0.0.1:{self._port}")

    def __enter__(self) -> FakeTelegram:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        runner, self._port = self._loop.run_until_complete(start_server(0))
        self._started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def start_server(port: int) -> tuple[web.AppRunner, int]:
    """Listens on 127.0.0.1; port 0 takes a free one. Returns the runner and the port."""
    runner = web.AppRunner(
        TelegramApi().app,
        handle_signals=False,
        access_log=None,
        shutdown_timeout=0.1,
        handler_cancellation=True,
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    return runner, int(runner.addresses[0][1])


def _delete_message(bot: FakeBot, fields: Json) -> bool:
    if bot.messages.pop((int(fields["chat_id"]), int(fields["message_id"])), None) is None:
        raise ApiError(400, "Bad Request: message to delete not found")
    return True


def _take_draft(bot: FakeBot, fields: Json) -> bool:
    if int(fields["chat_id"]) < 0:
        raise ApiError(400, "Bad Request: chat not found")
    if not int(fields.get("draft_id") or 0):
        raise ApiError(400, "Bad Request: TEXTDRAFT_ID_INVALID")
    chat_id, draft_id = int(fields["chat_id"]), int(fields["draft_id"])
    bot.drafts.append({"chat_id": chat_id, "draft_id": draft_id, "text": fields["text"], "at": time.time()})
    return True


async def _fields(request: web.Request) -> Json:
    """The call's parameters; nested ones arrive as JSON inside the form."""
    fields: Json = dict(request.query)
    if request.content_type == "application/json":
        fields |= await request.json()
    elif request.method == "POST":
        fields |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    for name, value in fields.items():
        if isinstance(value, str) and value[:1] in ("[", "{") and name not in ("text", "caption"):
            try:
                fields[name] = json.loads(value)
            except ValueError:
                continue
    return fields


class _TelegramHtml(HTMLParser):
    """Reads HTML as Telegram does: known tags only, every one closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            raise ApiError(400, f'Bad Request: can\'t parse entities: unsupported start tag "{tag}"')
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ApiError(400, f"Bad Request: can't parse entities: unmatched end tag {tag}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def finish(self) -> str:
        self.close()
        if self._open:
            raise ApiError(400, f"Bad Request: can't parse entities: can't find end tag of {self._open[-1]}")
        return self.text


def shown_text(fields: Json) -> str:
    given = str(fields.get("text", ""))
    if fields.get("parse_mode") == "HTML":
        parser = _TelegramHtml()
        parser.feed(given)
        given = parser.finish()
    if not given.strip():
        raise ApiError(400, "Bad Request: message text is empty")
    if len(given.encode("utf-16-le")) // 2 > MESSAGE_LIMIT:
        raise ApiError(400, "Bad Request: message is too long")
    return given


def _checked_markup(fields: Json) -> Json:
    markup: Json = fields.get("reply_markup") or {}
    for row in markup.get("inline_keyboard", []):
        for button in row:
            if not 1 <= len(button["callback_data"].encode()) <= CALLBACK_LIMIT_BYTES:
                raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
    return markup


def _json(body: Json, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


def _refusal(error: ApiError) -> web.Response:
    body: Json = {"ok": False, "error_code": error.status, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    return _json(body, error.status)


def _abort(request: web.Request) -> None:
    """Resets the connection."""
    if request.transport is not None:
        request.transport.abort()
    raise web.HTTPInternalServerError


def main() -> None:
    async def serve() -> None:
        _, port = await start_server(int(sys.argv[1]))
        sys.stdout.write(f"listening on {port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
