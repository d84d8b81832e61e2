"""The request class under the real Bot, against servers on loopback that misbehave."""

from __future__ import annotations

import asyncio
import json
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, TelegramError, TimedOut

from roost.errors import RemoteUnreachable
from roost.telegrambot.client import TelegramClient, not_sent, translate
from roost.telegrambot.request import BotRequest, NoBotApi, Timeouts, TooManyRequests

TOKEN = "700000001:" + "A" * 35
PATIENT = Timeouts(connect_s=20.0, answer_s=20.0, pool_s=40.0)
HASTY = Timeouts(connect_s=20.0, answer_s=0.3, pool_s=40.0)
ME = {
    "ok": True,
    "result": {"id": 700000001, "is_bot": True, "first_name": "Aviary", "username": "aviary_bot"},
}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request with `status` and `body`, and counts the connections and requests."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, json.dumps(ME), ""
        self.connections = 0
        self.open_at_once = 0
        self.requests: list[str] = []
        self.begun = asyncio.Semaphore(0)
        self.hold = asyncio.Event()
        self.hold.set()
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.open_at_once = max(self.open_at_once, self._open)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.splitlines()
                        if line.lower().startswith("content-length")
                    ),
                    0,
                )
                self.requests.append(head + (await reader.readexactly(length)).decode())
                self.begun.release()
                await self.hold.wait()
                body = self.body.encode()
                writer.write(
                    f"HTTP/1.1 {self.status} Said\r\nContent-Type: application/json\r\n{self.headers}"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open -= 1
            writer.close()


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()


@asynccontextmanager
async def bot_at(
    address: str, timeouts: Timeouts = PATIENT, connections: int = 4
) -> AsyncIterator[TelegramClient]:
    client = TelegramClient(
        token=TOKEN,
        base_url=f"{address}/bot",
        request=BotRequest(connections, timeouts),
        get_updates_request=BotRequest(1, timeouts),
    )
    try:
        yield client
    finally:
        await client.disconnect()


async def failure_of(call: Awaitable[object]) -> TelegramError:
    try:
        await call
    except TelegramError as error:
        spoken = [*traceback.format_exception(error), repr(error), translate(error).message]
        assert TOKEN not in "".join(spoken)
        return error
    raise AssertionError("the call did not fail")


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def run() -> Server:
        server = Server()
        async with listening(server.serve) as address, bot_at(address) as bot:
            for _ in range(5):
                assert (await bot.get_me()).username == "aviary_bot"
        return server

    server = asyncio.run(run())
    assert (server.connections, len(server.requests)) == (1, 5)


def test_parameters_arrive_as_the_bot_api_takes_them() -> None:
    async def run() -> str:
        server = Server()
        server.body = json.dumps({"ok": True, "result": True})
        async with listening(server.serve) as address, bot_at(address) as bot:
            await bot.set_my_commands([("ask", "Fragen & mehr \N{BIRD}")])
        return server.requests[0]

    request = asyncio.run(run())
    assert request.startswith(f"POST /bot{TOKEN}/setMyCommands HTTP/1.1")
    assert "application/x-www-form-urlencoded" in request
    assert request.endswith(
        "commands=%5B%7B%22command%22%3A+%22ask%22%2C+%22description%22%3A+%22Fragen+%26+mehr+%5Cud83d%5Cudc26%22%7D%5D"
    )


def test_no_more_connections_are_opened_than_there_may_be() -> None:
    async def run() -> Server:
        server = Server()
        server.hold.clear()
        async with listening(server.serve) as address, bot_at(address, connections=3) as bot:
            asked = [asyncio.ensure_future(bot.get_me()) for _ in range(9)]
            for _ in range(3):
                await server.begun.acquire()
            await asyncio.sleep(0.1)
            server.hold.set()
            await asyncio.gather(*asked)
        return server

    server = asyncio.run(run())
    assert (server.open_at_once, len(server.requests)) == (3, 9)


def test_what_could_not_be_dialled_was_not_sent() -> None:
    async def run() -> TelegramError:
        async with listening(Server().serve) as address:
            pass
        async with bot_at(address) as bot:
            return await failure_of(bot.get_me())

    assert not_sent(asyncio.run(run()))


def test_waiting_too_long_for_a_free_connection_was_not_sent() -> None:
    async def run() -> TelegramError:
        server = Server()
        server.hold.clear()
        crowded = Timeouts(connect_s=20.0, answer_s=20.0, pool_s=0.3)
        async with listening(server.serve) as address, bot_at(address, crowded, connections=1) as bot:
            first = asyncio.ensure_future(bot.get_me())
            await server.begun.acquire()
            error = await failure_of(bot.get_me())
            server.hold.set()
            await first
            assert len(server.requests) == 1
        return error

    assert not_sent(asyncio.run(run()))


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_connection_that_ends_before_the_answer_may_have_sent_it(reset: bool) -> None:
    requests: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        if reset:
            writer.transport.abort()
        writer.close()

    async def run() -> TelegramError:
        async with listening(hang_up) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me())

    error = asyncio.run(run())
    assert isinstance(error, NetworkError)
    assert not not_sent(error)
    assert len(requests) == 1, "what may have arrived is not sent again below the caller"


def test_no_answer_in_time_may_have_been_sent() -> None:
    async def run() -> TelegramError:
        server = Server()
        server.hold.clear()
        async with listening(server.serve) as address, bot_at(address, HASTY) as bot:
            error = await failure_of(bot.get_me())
            server.hold.set()
        return error

    error = asyncio.run(run())
    assert isinstance(error, TimedOut)
    assert not not_sent(error)


def test_a_long_poll_may_take_longer_than_other_requests() -> None:
    async def run() -> int:
        server = Server()
        server.body = json.dumps({"ok": True, "result": [{"update_id": 1}, "odd"]})
        server.hold.clear()
        async with listening(server.serve) as address, bot_at(address, HASTY) as bot:
            polled = asyncio.ensure_future(bot.fetch_updates(None, 20, []))
            await asyncio.sleep(0.6)
            server.hold.set()
            return len(await polled)

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [
        (400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}, BadRequest),
        (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, InvalidToken),
        (403, {"ok": False, "error_code": 403, "description": "Forbidden: blocked"}, Forbidden),
        (404, {"ok": False, "error_code": 404, "description": "Not Found"}, NoBotApi),
        (401, "a gateway's page", NoBotApi),
        (429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 7}}, TooManyRequests),
        (429, "slow down", TooManyRequests),
        (502, "<html>", NetworkError),
        (400, "a gateway's page", NoBotApi),
        (409, "a gateway's page", NoBotApi),
        (502, [], NetworkError),
        (200, "<html>", TelegramError),
        (200, [], TelegramError),
        (200, {"ok": True}, TelegramError),
        (200, "[" * 100_000, TelegramError),
    ],
)
def test_each_status_is_the_error_it_means(status: int, body: object, raised: type[TelegramError]) -> None:
    async def run() -> TelegramError:
        server = Server()
        server.status, server.body = status, body if isinstance(body, str) else json.dumps(body)
        async with listening(server.serve) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me())

    error = asyncio.run(run())
    assert type(error) is raised
    assert not not_sent(error)


@pytest.mark.parametrize("result", [None, {"update_id": 1}, "none"])
def test_updates_that_are_no_list_are_no_answer(result: object) -> None:
    async def run() -> TelegramError:
        server = Server()
        server.body = json.dumps({"ok": True, "result": result})
        async with listening(server.serve) as address, bot_at(address) as bot:
            return await failure_of(bot.fetch_updates(None, 0, []))

    assert isinstance(translate(asyncio.run(run())), RemoteUnreachable)


@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [("7", 7.0), ("-5", 0.0), ('"soon"', 1.0), ("1e400", 86_400.0), ("9" * 400, 1.0), ("NaN", 0.0)],
)
def test_a_wait_that_is_asked_for_ends(asked: str, waits_s: float) -> None:
    async def run() -> TelegramError:
        server = Server()
        server.status, server.body = 429, f'{{"ok": false, "parameters": {{"retry_after": {asked}}}}}'
        async with listening(server.serve) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me())

    error = asyncio.run(run())
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_s == waits_s


def test_an_answer_that_comes_in_drips_ends() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    async def run() -> TelegramError:
        timeouts = Timeouts(connect_s=20.0, answer_s=0.5, pool_s=0.5)
        async with listening(drip) as address, bot_at(address, timeouts) as bot:
            return await failure_of(asyncio.wait_for(bot.get_me(), 30))

    assert isinstance(asyncio.run(run()), TimedOut)


def test_an_answer_without_end_is_cut_off() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b" " * 1_000_000)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    async def run() -> TelegramError:
        async with listening(pour) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me())

    error = asyncio.run(run())
    assert isinstance(error, NetworkError)
    assert not isinstance(error, TimedOut)


def test_a_redirect_is_not_followed_with_the_token() -> None:
    async def run() -> tuple[TelegramError, list[str]]:
        elsewhere, server = Server(), Server()
        async with listening(elsewhere.serve) as other, listening(server.serve) as address:
            server.status, server.headers = 307, f"Location: {other}/there\r\n"
            async with bot_at(address) as bot:
                return await failure_of(bot.get_me()), elsewhere.requests

    error, followed = asyncio.run(run())
    assert isinstance(error, NetworkError)
    assert followed == []


@pytest.mark.parametrize(
    "said", [b"not http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"]
)
def test_what_is_no_answer_of_http_is_a_network_error(said: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def run() -> TelegramError:
        async with listening(babble) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me())

    error = asyncio.run(run())
    assert isinstance(error, NetworkError)
    assert not not_sent(error)


def test_an_address_that_is_none_is_a_network_error() -> None:
    async def run() -> TelegramError:
        async with bot_at("http://[broken") as bot:
            return await failure_of(bot.get_me())

    assert isinstance(asyncio.run(run()), NetworkError)


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, int]:
        proxy, server = Server(), Server()
        async with listening(proxy.serve) as proxy_address, listening(server.serve) as address:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy_address)
            async with bot_at(address) as bot:
                await bot.get_me()
        return len(proxy.requests), len(server.requests)

    assert asyncio.run(run()) == (0, 1)


def test_a_bot_may_ask_again_after_it_was_disconnected() -> None:
    async def run() -> int:
        server = Server()
        async with listening(server.serve) as address, bot_at(address) as bot:
            await bot.get_me()
            await bot.disconnect()
            await bot.get_me()
        return server.connections

    assert asyncio.run(run()) == 2


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_token_is_told(tmp_path: Path) -> None:
    async def run() -> tuple[TelegramError, list[str]]:
        server = Server()
        async with listening(server.serve, own_certificate(tmp_path)) as address, bot_at(address) as bot:
            return await failure_of(bot.get_me()), server.requests

    error, requests = asyncio.run(run())
    assert not_sent(error)
    assert requests == []


def own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
