"""A Discord on loopback, REST and gateway, that drives the real client, plays the people, and misbehaves on
request.

REST stands under `/api/v10`, the gateway at `/gateway`. People and faults come in through
`/control/<operation>` with JSON; `DiscordControl` speaks that from a test, `FakeDiscord` runs the server in a
thread, and `python -m tests.fakes.fake_discord PORT` runs it alone.

Source: https://discord.com/developers/docs, and what the real client was seen to do. aiohttp's json_response
is not used: it names a charset, and the client compares the content type letter by letter.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from aiohttp import WSMsgType, web

from tests.fakes.discord_world import (
    MESSAGE_LIMIT,
    FakeBot,
    Interaction,
    Json,
    new_snowflake,
)

RECONNECT, INVALID, HELLO, ACK = 7, 9, 10, 11
DEFERRED, DEFERRED_CHANGE = 5, 6
EPHEMERAL, LOADING = 1 << 6, 1 << 7
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
ACKNOWLEDGED_WITHIN_S, ANSWERED_WITHIN_S = 3.0, 900.0
MESSAGES_A_WINDOW, WINDOW_S = 5, 5.0


class ApiError(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass
class Fault:
    """What happens to the next `n` calls of an operation instead of, or besides, what should."""

    kind: str
    token: str = "*"
    operation: str = "*"
    n: int = 1
    retry_after: float = 0.3
    code: int = 503

    def concerns(self, token: str, operation: str) -> bool:
        return self.n > 0 and self.token in ("*", token) and self.operation in ("*", operation)


@dataclass
class Hold:
    """Calls of an operation wait until released: after the work is done when `accept`, else before."""

    operation: str
    accept: bool
    released: asyncio.Event = field(default_factory=asyncio.Event)


class DiscordApi:
    """The server's state and routes. Lives in one loop."""

    def __init__(self, heartbeat_ms: int = 41_250) -> None:
        self.heartbeat_ms = heartbeat_ms
        self.port = 0
        self.bots: dict[str, FakeBot] = {}
        self.faults: list[Fault] = []
        self.holds: list[Hold] = []
        self.latencies: dict[str, float] = {}
        self.down = False
        self.limited = False
        self.windows: dict[tuple[str, str, str], tuple[float, int]] = {}
        self.app = web.Application()
        self.app.router.add_get("/gateway/", self._handle_gateway)
        self.app.router.add_get("/gateway", self._handle_gateway)
        self.app.router.add_route("*", "/api/v10/{path:.*}", self._handle_rest)
        self.app.router.add_post("/control/{operation}", self._handle_control)

    # The gateway

    async def _handle_gateway(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            _abort(request)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms}})
        bot: FakeBot | None = None
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    bot = await self._hear(socket, bot, json.loads(message.data))
                if socket.closed:
                    break
        finally:
            # Also when the handler is cancelled, because the other side has died.
            if bot is not None and bot.socket is socket:
                bot.socket = None
        return socket

    async def _hear(self, socket: web.WebSocketResponse, bot: FakeBot | None, given: Json) -> FakeBot | None:
        match given["op"]:
            case 1:
                if bot is None or not bot.muted:
                    await socket.send_json({"op": ACK})
            case 2:
                return await self._identify(socket, given["d"])
            case 6:
                return await self._resume(socket, given["d"])
            case 3:
                pass
            case _:
                await socket.close(code=4001)
        return bot

    async def _identify(self, socket: web.WebSocketResponse, given: Json) -> FakeBot | None:
        bot = self.bots.get(given["token"])
        if bot is None:
            await socket.close(code=4004, message=b"Authentication failed.")
            return None
        bot.identified_at.append(time.time())
        if bot.close_with is not None:
            await socket.close(code=bot.close_with)
            return None
        if given["intents"] & PRIVILEGED & ~bot.privileged:
            await socket.close(code=4014, message=b"Disallowed intent(s).")
            return None
        if bot.refuse_sessions > 0:
            bot.refuse_sessions -= 1
            await socket.send_json({"op": INVALID, "d": False})
            return None
        bot.begin_session(socket, given["intents"])
        await bot.dispatch("READY", bot.ready(f"ws://127.0.0.1:{self.port}/gateway"))
        await bot.dispatch("GUILD_CREATE", bot.guild())
        return bot

    async def _resume(self, socket: web.WebSocketResponse, given: Json) -> FakeBot | None:
        bot = self.bots.get(given["token"])
        if bot is None:
            await socket.close(code=4004)
            return None
        if bot.session_id is None or given["session_id"] != bot.session_id:
            await socket.send_json({"op": INVALID, "d": False})
            return None
        bot.resumes += 1
        bot.socket, bot.muted = socket, False
        for sent in list(bot.sent):
            if sent["s"] > given["seq"]:
                await socket.send_json(sent)
        await bot.dispatch("RESUMED", {})
        return bot

    # REST

    async def _handle_rest(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            _abort(request)
        path = request.match_info["path"].strip("/").split("/")
        operation = _operation(request.method, path)
        bot = self._bot_of(request, path)
        if bot is None:
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        body = await request.json() if request.can_read_body else {}
        bot.calls.append({"operation": operation, "at": time.time(), "body": body})
        await asyncio.sleep(self.latencies.get(operation, self.latencies.get("*", 0.0)))
        fault = next((each for each in self.faults if each.concerns(bot.token, operation)), None)
        try:
            if fault is not None:
                fault.n -= 1
                return await self._misbehave(fault, request, bot, operation, path, body)
            limited = self._limit(bot, operation, path)
            if isinstance(limited, web.Response):
                bot.limited.append(operation)
                return limited
            await self._wait_while_held(operation, accept=False)
            result = await self._call(bot, operation, path, body, dict(request.query))
            await self._wait_while_held(operation, accept=True)
        except ApiError as error:
            return _json(
                {"message": error.message, "code": error.code}, error.status, limited_headers(operation)
            )
        if result is None:
            return web.Response(status=204, headers=limited or limited_headers(operation))
        return _json(result, 200, limited or limited_headers(operation))

    def _bot_of(self, request: web.Request, path: list[str]) -> FakeBot | None:
        if path[0] in ("interactions", "webhooks"):
            token = path[2]
            return next((bot for bot in self.bots.values() if token in bot.interactions), None) or next(
                (bot for bot in self.bots.values() if bot.application_id == path[1]), None
            )
        return self.bots.get(request.headers.get("Authorization", "").removeprefix("Bot "))

    def _limit(self, bot: FakeBot, operation: str, path: list[str]) -> web.Response | dict[str, str] | None:
        """Five messages and five edits in five seconds a channel, when limits are kept."""
        if not self.limited or operation not in ("sendMessage", "editMessage"):
            return None
        key, now = (bot.token, operation, path[1]), time.monotonic()
        began, count = self.windows.get(key, (now, 0))
        if now - began >= WINDOW_S:
            began, count = now, 0
        left_s = began + WINDOW_S - now
        if count >= MESSAGES_A_WINDOW:
            return _too_many(left_s, is_global=False)
        self.windows[key] = (began, count + 1)
        return {
            **limited_headers(operation),
            "X-RateLimit-Limit": str(MESSAGES_A_WINDOW),
            "X-RateLimit-Remaining": str(MESSAGES_A_WINDOW - count - 1),
            "X-RateLimit-Reset": str(time.time() + left_s),
            "X-RateLimit-Reset-After": f"{left_s:.3f}",
        }

    async def _wait_while_held(self, operation: str, *, accept: bool) -> None:
        for hold in list(self.holds):
            if hold.accept is accept and hold.operation == operation:
                await hold.released.wait()

    async def _misbehave(
        self, fault: Fault, request: web.Request, bot: FakeBot, operation: str, path: list[str], body: Json
    ) -> web.StreamResponse:
        """The faulty answer."""
        match fault.kind:
            case "429":
                return _too_many(fault.retry_after, is_global=False)
            case "global429":
                return _too_many(fault.retry_after, is_global=True)
            case "banned":
                headers = {"Retry-After": str(fault.retry_after)}
                return web.Response(text="error code: 1015", status=429, headers=headers)
            case "401":
                return _json({"message": "401: Unauthorized", "code": 0}, 401)
            case "403":
                raise ApiError(403, 50013, "Missing Permissions")
            case "404":
                raise ApiError(404, 10003, "Unknown Channel")
            case "5xx":
                return web.Response(
                    text="upstream connect error", status=fault.code, content_type="text/html"
                )
            case "badjson":
                return web.Response(text='{"id":', content_type="application/json")
            case "lost":
                await self._call(bot, operation, path, body, dict(request.query))
        _abort(request)
        raise AssertionError("unreachable")

    async def _call(
        self, bot: FakeBot, operation: str, path: list[str], body: Any, query: dict[str, str]
    ) -> Json | list[Any] | None:
        match operation:
            case "me":
                return {**bot.user, "verified": True, "email": None, "flags": 0, "locale": "en-US"}
            case "application" | "setApplication":
                return bot.application if operation == "application" else await self._verify(bot, body)
            case "commands" | "putCommands":
                return bot.commands if operation == "commands" else _put_commands(bot, body)
            case "typing":
                bot.channel(path[1], writing=True)
                bot.typing.append(path[1])
                return None
            case "history":
                return self._history(bot, path[1], query)
            case "sendMessage":
                return await self._send(bot, path[1], body)
            case "editMessage" | "deleteMessage":
                _own_message(bot, path[3])
                return await self._change_message(bot, operation, path[3], body)
            case "defer":
                return self._defer(bot, path, body)
            case "editOriginal" | "deleteOriginal" | "followUp":
                return await self._answer_interaction(bot, operation, path, body)
            case _:
                raise ApiError(404, 0, "404: Not Found")

    async def _verify(self, bot: FakeBot, body: Json) -> Json:
        """Tries the address as Discord does: a ping, and one with a signature that is not its own."""
        url = body["interactions_endpoint_url"]
        if url is not None:
            ping, now = b'{"type":1}', int(time.time())
            forged = {**bot.signed(ping, now), "X-Signature-Ed25519": "00" * 64}
            try:
                async with httpx.AsyncClient(timeout=3.0, trust_env=False) as http:
                    taken = await http.post(url, content=ping, headers=bot.signed(ping, now))
                    refused = await http.post(url, content=ping, headers=forged)
                verified = taken.json() == {"type": 1} and refused.status_code == 401
            except (httpx.HTTPError, ValueError):
                verified = False
            if not verified:
                raise ApiError(400, 50035, "interactions_endpoint_url: could not be verified")
        bot.interactions_url = url
        return bot.application

    async def _bring(self, bot: FakeBot, url: str, interaction: Interaction, given: Json) -> int:
        """Brings an interaction; the status of the answer, 0 when there was none in time."""
        body = json.dumps(interaction.event(bot, given)).encode()
        try:
            async with httpx.AsyncClient(timeout=ACKNOWLEDGED_WITHIN_S, trust_env=False) as http:
                answer = await http.post(url, content=body, headers=bot.signed(body, int(time.time())))
        except httpx.HTTPError:
            return 0
        if answer.status_code == 200 and answer.json()["type"] in (DEFERRED, DEFERRED_CHANGE):
            self._defer(bot, ["interactions", interaction.id, interaction.token], answer.json())
        return answer.status_code

    def _history(self, bot: FakeBot, channel_id: str, query: dict[str, str]) -> list[Json]:
        bot.channel(channel_id, writing=False)
        found = [each for each in bot.messages.values() if each["channel_id"] == channel_id]
        found = [each for each in found if not each["flags"] & EPHEMERAL]
        found.sort(key=lambda each: int(each["id"]))
        if "after" in query:
            found = [each for each in found if int(each["id"]) > int(query["after"])]
        chosen = found[: int(query.get("limit", 50))]
        return [bot.shown_to_bot(each) for each in reversed(chosen)]

    async def _send(self, bot: FakeBot, channel_id: str, body: Json) -> Json:
        bot.channel(channel_id, writing=True)
        content = _checked(body)
        nonce = body.get("nonce")
        if body.get("enforce_nonce") and nonce in bot.nonces:
            return bot.messages[bot.nonces[nonce]]
        message = bot.new_message(
            channel_id,
            bot.user,
            content,
            nonce=nonce,
            flags=body.get("flags", 0),
            components=_checked_components(body),
            body=body,
        )
        if nonce is not None:
            bot.nonces[nonce] = message["id"]
        bot.record_send(message, body)
        await bot.dispatch("MESSAGE_CREATE", bot.shown_to_bot(message))
        return message

    async def _change_message(self, bot: FakeBot, operation: str, message_id: str, body: Json) -> Json | None:
        if operation.startswith("edit"):
            return await self._edit(bot, message_id, body)
        bot.messages.pop(message_id, None)
        return None

    async def _edit(self, bot: FakeBot, message_id: str, body: Json) -> Json:
        before = bot.messages.get(message_id)
        if before is None:
            raise ApiError(404, 10008, "Unknown Message")
        message = {**before, "edited_timestamp": _now()}
        if "content" in body or not before["content"]:
            message["content"] = _checked(body)
        if "components" in body:
            message["components"] = _checked_components(body)
        unchanged = all(message[part] == before[part] for part in ("content", "components"))
        bot.messages[message_id] = message
        bot.edits.append(
            {
                "channel_id": message["channel_id"],
                "message_id": message_id,
                "at": time.time(),
                "text": message["content"],
                "unchanged": unchanged,
            }
        )
        await bot.dispatch("MESSAGE_UPDATE", bot.shown_to_bot(message))
        return message

    def _defer(self, bot: FakeBot, path: list[str], body: Json) -> Json:
        interaction = bot.interactions.get(path[2])
        age_s = time.time() - interaction.at if interaction else 0.0
        if interaction is None or interaction.expired or age_s > ACKNOWLEDGED_WITHIN_S:
            raise ApiError(404, 10062, "Unknown interaction")
        if interaction.deferred_after_s is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if body["type"] == DEFERRED_CHANGE and interaction.custom_id is None:
            raise ApiError(400, 50035, "Invalid Form Body: type")
        interaction.deferred_after_s = age_s
        if body["type"] == DEFERRED_CHANGE:
            return {"interaction": {"id": interaction.id, "type": 3}}
        interaction.ephemeral = bool(body.get("data", {}).get("flags", 0) & EPHEMERAL)
        flags = LOADING | (EPHEMERAL if interaction.ephemeral else 0)
        message = bot.new_message(interaction.channel_id, bot.user, "", flags=flags, body={})
        interaction.message_id = message["id"]
        return {
            "interaction": {
                "id": interaction.id,
                "type": 2,
                "response_message_id": message["id"],
                "response_message_loading": True,
                "response_message_ephemeral": interaction.ephemeral,
            }
        }

    async def _answer_interaction(
        self, bot: FakeBot, operation: str, path: list[str], body: Json
    ) -> Json | None:
        interaction = _answerable(bot, path)
        if operation != "followUp":
            assert interaction.message_id is not None
            changed = await self._change_message(bot, operation, interaction.message_id, body)
            interaction.texts[:1] = [changed["content"]] if changed else []
            return changed
        flags = body.get("flags", 0)
        message = bot.new_message(
            interaction.channel_id,
            bot.user,
            _checked(body),
            flags=flags,
            components=_checked_components(body),
            body=body,
        )
        (interaction.told if flags & EPHEMERAL else interaction.texts).append(message["content"])
        return message

    # Control

    async def _handle_control(self, request: web.Request) -> web.Response:
        operation, given = request.match_info["operation"], await request.json()
        if operation == "connected":
            return _json({"connected": sum(bot.socket is not None for bot in self.bots.values())})
        if not self._control_server(operation, given):
            return _json(await self._control_bot(self.bots[given["token"]], operation, given))
        return _json({})

    def _control_server(self, operation: str, given: Json) -> bool:
        """False when the operation concerns one bot."""
        match operation:
            case "add":
                self.bots |= {token: FakeBot(token) for token in given["tokens"] if token not in self.bots}
            case "revoke":
                self.bots.pop(given["token"], None)
            case "down":
                self.down = bool(given["down"])
                for socket in [bot.socket for bot in self.bots.values() if self.down]:
                    _abort_socket(socket)
            case "limited":
                self.limited = bool(given["limited"])
            case "fault":
                self.faults.append(Fault(**given))
            case "hold":
                self.holds.append(Hold(given["operation"], bool(given["accept"])))
            case "release":
                for hold in self.holds:
                    hold.released.set()
                self.holds.clear()
            case "latency":
                self.latencies[given["operation"]] = float(given["seconds"])
            case _:
                return False
        return True

    async def _control_bot(self, bot: FakeBot, operation: str, given: Json) -> Json:
        match operation:
            case "message":
                message = bot.said(given)
                await bot.dispatch("MESSAGE_CREATE", bot.shown_to_bot(message))
                return {"id": message["id"]}
            case "edit":
                message = {**bot.messages[given["message_id"]], "content": given["content"]}
                bot.messages[given["message_id"]] = message
                await bot.dispatch("MESSAGE_UPDATE", bot.shown_to_bot(message))
            case "delete":
                message = bot.messages.pop(given["message_id"])
                gone = {"id": message["id"], "channel_id": message["channel_id"], "guild_id": bot.guild_id}
                await bot.dispatch("MESSAGE_DELETE", gone)
            case "slash" | "press":
                interaction = bot.used(given) if operation == "slash" else bot.pressed(given)
                if bot.interactions_url is not None:
                    status = await self._bring(bot, bot.interactions_url, interaction, given)
                    return {"id": interaction.id, "status": status}
                await bot.dispatch("INTERACTION_CREATE", interaction.event(bot, given))
                return {"id": interaction.id}
            case "dispatch":
                await bot.dispatch(given["event"], given["data"])
            case "gateway":
                await self._disturb(bot, given)
            case "state":
                return bot.state()
            case _:
                _change(bot, operation, given)
        return {}

    async def _disturb(self, bot: FakeBot, given: Json) -> None:
        socket = bot.socket
        if given.get("forget"):
            bot.session_id = None
        match given["do"]:
            case "mute":
                bot.muted = True
            case "close" if socket is not None:
                await socket.close(code=given["code"])
            case "reconnect" if socket is not None:
                await socket.send_json({"op": RECONNECT})
            case "invalid" if socket is not None:
                await socket.send_json({"op": INVALID, "d": bool(given.get("resumable"))})
            case "abort" if socket is not None:
                _abort_socket(socket)
            case "raw" if socket is not None:
                await socket.send_str(given["text"])


class DiscordControl:
    """Plays the people and the faults of a running server, over HTTP. Blocking."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.api_base_url = f"{url}/api/v10"
        self.gateway_url = f"{url.replace('http', 'ws', 1)}/gateway"
        self._http = httpx.Client(base_url=url, timeout=10.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def control(self, operation: str, /, **given: Any) -> Json:
        answer = self._http.post(f"/control/{operation}", json=given)
        answer.raise_for_status()
        result: Json = answer.json()
        return result

    def add(self, *tokens: str) -> None:
        self.control("add", tokens=list(tokens))

    def private(self, token: str, user_id: int, text: str, **more: Any) -> str:
        """Somebody writes to the bot privately; returns the message's id."""
        return str(self.control("message", token=token, user_id=user_id, content=text, **more)["id"])

    def say(self, token: str, channel_id: int, user_id: int, text: str, **more: Any) -> str:
        """Somebody writes in a server's channel."""
        given = {"token": token, "channel_id": str(channel_id), "user_id": user_id, "content": text, **more}
        return str(self.control("message", **given)["id"])

    def mention(self, token: str, channel_id: int, user_id: int, text: str, **more: Any) -> str:
        """Somebody mentions the bot in a server's channel."""
        return self.say(token, channel_id, user_id, f"{mention_of(token)} {text}", mention=True, **more)

    def slash(self, token: str, name: str, user_id: int, question: str | None = None, **more: Any) -> str:
        """Somebody uses a slash command; in a server's channel when `channel_id` is given."""
        given = {"token": token, "name": name, "user_id": user_id, "question": question, **more}
        return str(self.control("slash", **given)["id"])

    def press(self, token: str, message_id: str, user_id: int, button: str = "", **more: Any) -> str:
        """Somebody presses the button with that label or emoji; or a forged one, with `custom_id`."""
        given = {"token": token, "message_id": message_id, "user_id": user_id, "button": button, **more}
        return str(self.control("press", **given)["id"])

    def buttons(self, token: str, message_id: str) -> list[str]:
        """What stands on the buttons under a message of the bot."""
        [message] = [each for each in self.state(token)["messages"] if each["id"] == message_id]
        return [
            " ".join(filter(None, (button.get("emoji", {}).get("name"), button.get("label"))))
            for row in message["components"]
            for button in row["components"]
        ]

    def fault(self, kind: str, operation: str = "*", token: str = "*", n: int = 1, **more: Any) -> None:
        self.control("fault", kind=kind, operation=operation, token=token, n=n, **more)

    def hold(self, operation: str, *, accept: bool = True) -> None:
        """Withholds the replies of an operation until `release`; with `accept` the work is done before."""
        self.control("hold", operation=operation, accept=accept)

    def release(self) -> None:
        self.control("release")

    def gateway(self, token: str, do: str, **more: Any) -> None:
        """Disturbs the connection: close (code), reconnect, invalid (resumable), mute, abort, raw (text);
        with `forget` the session cannot be resumed.
        """
        self.control("gateway", token=token, do=do, **more)

    def state(self, token: str) -> Json:
        return self.control("state", token=token)

    def sends(self, token: str, channel_id: int | None = None) -> list[str]:
        """The texts of the messages that the bot has sent and that stand there, in order."""
        return [
            send["text"]
            for send in self.state(token)["sends"]
            if channel_id is None or send["channel_id"] == str(channel_id)
        ]

    def answers(self, token: str, user_id: int) -> list[str]:
        """What the bot has sent into somebody's private channel, as it stands there now."""
        return self.sends(token, private_channel(user_id))

    def connected(self) -> int:
        """How many bots are on the gateway."""
        return int(self.control("connected")["connected"])


class FakeDiscord(DiscordControl):
    """The server in a thread of this process, for as long as the `with` block lasts."""

    def __init__(self, heartbeat_ms: int = 41_250) -> None:
        self._heartbeat_ms = heartbeat_ms
        self._started = threading.Event()
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="fake-discord", daemon=True)
        self._thread.start()
        self._started.wait(10)
        super().__init__(f"http://127.0.0.1:{self._port}")

    def __enter__(self) -> FakeDiscord:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        runner, self._port = self._loop.run_until_complete(start_server(0, self._heartbeat_ms))
        self._started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


def _change(bot: FakeBot, operation: str, given: Json) -> None:
    """Changes what the bot finds, without telling it."""
    match operation:
        case "expire":
            for each in bot.interactions.values():
                each.expired = True
        case "forget_nonces":
            bot.nonces.clear()
        case "close_channel":
            bot.closed_channels.add(given["channel_id"])
        case "thread":
            bot.threads[given["thread_id"]] = given["parent_id"]
        case "refuse_sessions":
            bot.refuse_sessions = int(given["n"])
        case "close_with":
            bot.close_with = given["code"]
        case "interactions_url":
            bot.interactions_url = given["url"]
        case "privileged":
            bot.privileged = int(given["intents"])
        case _:
            raise web.HTTPNotFound(text=f"no operation {operation}")


def token_of(number: int) -> str:
    """The token of the bot with that number, as Discord would write it."""
    user = base64.urlsafe_b64encode(str(1_100_000_000_000_000_000 + number).encode()).decode().rstrip("=")
    return f"{user}.Gtest0.{'tokenOfBot' + str(number):x<38}"


def mention_of(token: str) -> str:
    return f"<@{FakeBot(token).user['id']}>"


def private_channel(user_id: int) -> int:
    """The channel in which somebody writes to the bot privately."""
    return FakeBot.private_channel_of(user_id)


def limited_headers(operation: str) -> dict[str, str]:
    """What Discord's own proxy adds to every answer."""
    return {
        "Via": "1.1 google",
        "X-RateLimit-Bucket": operation,
        "X-RateLimit-Limit": "500",
        "X-RateLimit-Remaining": "499",
        "X-RateLimit-Reset": str(time.time() + 1),
        "X-RateLimit-Reset-After": "1",
    }


async def start_server(port: int, heartbeat_ms: int = 41_250) -> tuple[web.AppRunner, int]:
    """Listens on 127.0.0.1; port 0 takes a free one. Returns the runner and the port."""
    api = DiscordApi(heartbeat_ms)
    runner = web.AppRunner(
        api.app, handle_signals=False, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    api.port = int(runner.addresses[0][1])
    return runner, api.port


def _put_commands(bot: FakeBot, body: list[Json]) -> list[Json]:
    bot.commands = [{**each, "id": new_snowflake(), "version": new_snowflake()} for each in body]
    return bot.commands


def _operation(method: str, path: list[str]) -> str:
    """A short name for what is asked."""
    match (method, path):
        case ("GET", ["users", "@me"]):
            return "me"
        case ("GET" | "PATCH", ["applications" | "oauth2", *_, "@me"]):
            return "application" if method == "GET" else "setApplication"
        case (_, ["applications", _, "commands"]):
            return "putCommands" if method == "PUT" else "commands"
        case ("POST", ["channels", _, "typing"]):
            return "typing"
        case (_, ["channels", _, "messages"]):
            return "sendMessage" if method == "POST" else "history"
        case (_, ["channels", _, "messages", _]):
            return "editMessage" if method == "PATCH" else "deleteMessage"
        case ("POST", ["interactions", _, _, "callback"]):
            return "defer"
        case (_, ["webhooks", _, _, "messages", "@original"]):
            return "editOriginal" if method == "PATCH" else "deleteOriginal"
        case ("POST", ["webhooks", _, _]):
            return "followUp"
        case _:
            return "unknown"


def _own_message(bot: FakeBot, message_id: str) -> None:
    """Raises what Discord answers when a message is not the bot's to change: one that only its reader sees is
    unknown outside of its interaction.
    """
    message = bot.messages.get(message_id)
    if message is None or message["flags"] & EPHEMERAL:
        raise ApiError(404, 10008, "Unknown Message")
    if message["author"]["id"] != bot.user["id"]:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")


def _answerable(bot: FakeBot, path: list[str]) -> Interaction:
    interaction = bot.interactions.get(path[2])
    if interaction is None or interaction.deferred_after_s is None or interaction.message_id is None:
        raise ApiError(404, 10015, "Unknown Webhook")
    if interaction.expired or time.time() - interaction.at > ANSWERED_WITHIN_S:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return interaction


def _checked_components(body: Json) -> list[Json]:
    rows: list[Json] = body.get("components") or []
    buttons = [button for row in rows for button in row["components"]]
    ids = [button["custom_id"] for button in buttons]
    fits = all(row["type"] == 1 and 1 <= len(row["components"]) <= 5 for row in rows) and len(rows) <= 5
    named = all(button.get("label") or button.get("emoji") for button in buttons)
    if not fits or not named or len(set(ids)) < len(ids) or not all(0 < len(each) <= 100 for each in ids):
        raise ApiError(400, 50035, "Invalid Form Body: components")
    return rows


def _checked(body: Json) -> str:
    content = str(body.get("content") or "").strip()
    if not content:
        raise ApiError(400, 50006, "Cannot send an empty message")
    if len(content) > MESSAGE_LIMIT:
        raise ApiError(400, 50035, "Invalid Form Body")
    if len(str(body.get("nonce") or "")) > 25:
        raise ApiError(400, 50035, "Invalid Form Body: nonce")
    return content


def _too_many(retry_after_s: float, *, is_global: bool) -> web.Response:
    headers = {"Via": "1.1 google", "Retry-After": f"{retry_after_s:.3f}"}
    body = {
        "message": "You are being rate limited.",
        "retry_after": round(retry_after_s, 3),
        "global": is_global,
    }
    return _json(body, 429, headers)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    named = {"Content-Type": "application/json", **(headers or {})}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=named)


def _abort(request: web.Request) -> None:
    """Resets the connection."""
    if request.transport is not None:
        request.transport.abort()
    raise web.HTTPInternalServerError


def _abort_socket(socket: web.WebSocketResponse | None) -> None:
    transport = socket._req.transport if socket is not None and socket._req is not None else None
    if transport is not None:
        transport.abort()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def main() -> None:
    async def serve() -> None:
        _, port = await start_server(int(sys.argv[1]))
        sys.stdout.write(f"listening on {port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
