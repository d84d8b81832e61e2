"""Keeps every wanted bot on its platform: what people want apart from what is observed.

Each bot has a task of its own in the one loop; a failure of one touches no other. A bot whose token is
refused stops until the token changes; everything else is tried again for ever, with a back-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from roost.clock import Clock
from roost.domain.backoff import Backoff
from roost.domain.bots import BotCredentials, Desired, Observed, Platform, Status, Transport
from roost.errors import DecryptionRefused, NotFound, RemoteRejected, RoostError, Unavailable
from roost.services.audit import Audit
from roost.services.bot_logs import BotLogs
from roost.services.live_events import BotChanged
from roost.services.ports import (
    POLLED_ELSEWHERE,
    BotConnection,
    BotConnector,
    WebhookReceiver,
)
from roost.storage.bots import BotStore

log = logging.getLogger("roost.supervisor")

POLL_WAIT_S = 25.0
STAGGER_S = 0.01
CLOSE_TIMEOUT_S = 2.0
LEAVE_TIMEOUT_S = 1.5
RETRY = Backoff(first_s=0.5, cap_s=4.0)
"""The cap keeps a bot within ten seconds of its platform's return, a connect timeout of four included."""
ELSEWHERE = Backoff(first_s=4.0, cap_s=20.0)
"""Somebody else polls the same token: each of our polls ends theirs, so ours are rare."""

UNDECRYPTABLE = "The token cannot be decrypted: restore SECRET_KEY or paste the token again."

_SENTENCES = {
    Status.RUNNING: "Running.",
    Status.STARTING: "Starting.",
    Status.STOPPED: "Stopped.",
    Status.DEGRADED: "In trouble.",
    Status.CRASHED: "Crashed.",
}
_LEVELS = {
    Status.RUNNING: "info",
    Status.STARTING: "info",
    Status.STOPPED: "info",
    Status.DEGRADED: "warning",
    Status.CRASHED: "error",
}


class _Running:
    """A bot's task, and what it runs with. `leaving`: its platform is to bring it nothing any more."""

    __slots__ = ("connection", "credentials", "leaving", "task")

    def __init__(self, credentials: BotCredentials) -> None:
        self.credentials = credentials
        self.connection: BotConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self.leaving = False


class Supervisor:
    """`start` and `stop` are called from threads with the loop's; `poke` and `observed` from any thread.

    `chance` gives random numbers in 0..1; `publish` is told of every change and must not block.
    """

    def __init__(
        self,
        bots: BotStore,
        connectors: dict[Platform, BotConnector],
        logs: BotLogs,
        clock: Clock,
        chance: Callable[[], float],
        publish: Callable[[BotChanged], None],
        audit: Audit,
    ) -> None:
        self._bots = bots
        self._connectors = connectors
        self._logs = logs
        self._clock = clock
        self._chance = chance
        self._publish = publish
        self._audit = audit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._observed: dict[str, Observed] = {}
        self._running: dict[str, _Running] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._reconciling: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._stopped = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts all wanted bots in the background; returns once storage has told which those are. May be
        called again, after `pause`; does nothing after `stop`.
        """
        if self._stopped:
            return
        total, wanted = self._bots.count(), self._bots.wanted_ids()
        log.info("Restored %d bot(s) from storage, starting %d", total, len(wanted))
        self._loop = loop
        asyncio.run_coroutine_threadsafe(self._start_staggered(wanted), loop)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends every bot's task, for good. What people want stays as it is. May be called before `start`."""
        self._stopped = True
        self._end_all(timeout_s)

    def pause(self, reason: str, timeout_s: float = 2.0) -> None:
        """Ends every bot's task until `start`; `reason` is what is shown of them meanwhile."""
        self._end_all(timeout_s)
        for running in tuple(self._running.values()):
            self._observe(running.credentials, Status.DEGRADED, reason)

    def _end_all(self, timeout_s: float) -> None:
        if self._loop is None or not self._loop.is_running():
            return
        stopping = asyncio.run_coroutine_threadsafe(self._stop_all(timeout_s), self._loop)
        try:
            stopping.result(timeout_s + 1)
        except TimeoutError:
            log.warning("Bots did not stop in time; what they have not done is taken up at the next start")

    def poke(self, bot_id: str, *, restart: bool = False) -> None:
        """Storage has changed: brings the bot in line with it. Does not wait."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin_reconciling, bot_id, restart)

    def settle(self, bot_id: str, timeout_s: float) -> None:
        """As `poke`, and waits until it is done, or `timeout_s` has passed. Not from the loop's thread."""
        if self._loop is None or not self._loop.is_running():
            return
        settling = asyncio.run_coroutine_threadsafe(self._reconcile(bot_id, restart=False), self._loop)
        with contextlib.suppress(TimeoutError):
            settling.result(timeout_s)

    def observed(self, bot_id: str) -> Observed | None:
        """What is known of a bot that was started in this process."""
        with self._lock:
            return self._observed.get(bot_id)

    def receiver(self, bot_id: str, platform: Platform) -> WebhookReceiver | None:
        """What takes deliveries for a running bot; None for any other."""
        running = self._running.get(bot_id)
        connection = None if running is None else running.connection
        if running is None or connection is None or running.credentials.bot.platform is not platform:
            return None
        return connection.receiver

    def hand_over(self, receiver: WebhookReceiver, body: bytes, timeout_s: float) -> Mapping[str, object]:
        """See ports.WebhookReceiver.receive; waits until it is stored. Not from the loop's thread.

        Raises Unavailable also when that takes too long: it may be stored all the same.
        """
        if self._loop is None or not self._loop.is_running():
            raise Unavailable("Roost is stopping. Bring it again.", retry_after_s=2)
        receiving = asyncio.run_coroutine_threadsafe(receiver.receive(body), self._loop)
        try:
            return receiving.result(timeout_s)
        except TimeoutError as error:
            raise Unavailable("It could not be stored in time. Bring it again.", retry_after_s=2) from error

    def counts(self) -> dict[Status, int]:
        """How many registered bots stand at each status."""
        with self._lock:
            standing = [observed.status for observed in self._observed.values()]
        counts = {status: standing.count(status) for status in Status}
        counts[Status.STOPPED] += max(0, self._bots.count() - len(standing))
        return counts

    async def _start_staggered(self, bot_ids: tuple[str, ...]) -> None:
        self._stopping = self._stopped
        for bot_id in bot_ids:
            self._begin_reconciling(bot_id, restart=False)
            await asyncio.sleep(STAGGER_S)

    async def _stop_all(self, timeout_s: float) -> None:
        self._stopping = True
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in (*tasks, *self._reconciling):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    def _begin_reconciling(self, bot_id: str, restart: bool) -> None:
        if self._stopping:
            return
        task = asyncio.ensure_future(self._reconcile(bot_id, restart))
        self._reconciling.add(task)
        task.add_done_callback(self._reconciling.discard)

    async def _reconcile(self, bot_id: str, restart: bool) -> None:
        turn = self._turns.setdefault(bot_id, asyncio.Lock())
        async with turn:
            try:
                await self._bring_in_line(bot_id, restart)
            except RoostError as error:
                log.warning("A bot could not be started: %s Trying again.", error.message)
                await asyncio.sleep(RETRY.cap_s)
                self._begin_reconciling(bot_id, restart)

    async def _bring_in_line(self, bot_id: str, restart: bool) -> None:
        running = self._running.get(bot_id)
        try:
            credentials = await asyncio.to_thread(self._bots.credentials, bot_id)
        except NotFound:
            await self._end(bot_id, leaving=True)
            with self._lock:
                self._observed.pop(bot_id, None)
            self._turns.pop(bot_id, None)
            self._logs.forget(bot_id)
            return
        except DecryptionRefused:
            await self._end(bot_id)
            await self._crash_undecryptable(bot_id)
            return
        if credentials.bot.desired is Desired.STOPPED:
            await self._end(bot_id, leaving=True)
            self._observe(credentials, Status.STOPPED, None)
            return
        # A bot whose token was refused has ended its task: somebody's next word about it is worth one try.
        alive = running is not None and running.task is not None and not running.task.done()
        if (
            running is not None
            and alive
            and not restart
            and _same_connection(running.credentials, credentials)
        ):
            running.credentials = credentials
            if running.connection is not None:
                running.connection.reconfigure(credentials)
            return
        await self._end(bot_id, leaving=credentials.bot.transport != Transport.WEBHOOK)
        self._begin(credentials)

    async def _crash_undecryptable(self, bot_id: str) -> None:
        bot = await asyncio.to_thread(self._bots.find, bot_id)
        if bot is None:
            return
        await asyncio.to_thread(self._audit.decryption_refused, bot.id, f"@{bot.handle}")
        wanted = bot.desired is Desired.RUNNING
        now = self._clock.now()
        observed = Observed(
            Status.CRASHED if wanted else Status.STOPPED, UNDECRYPTABLE if wanted else None, now, None
        )
        with self._lock:
            self._observed[bot_id] = observed
        self._logs.add(bot_id, bot.owner_id, "error", UNDECRYPTABLE)
        self._publish(BotChanged(bot_id, bot.owner_id))

    def _begin(self, credentials: BotCredentials) -> None:
        if self._stopping:
            return
        running = _Running(credentials)
        self._running[credentials.bot.id] = running
        self._observe(credentials, Status.STARTING, None)
        running.task = asyncio.ensure_future(self._live(running))

    async def _end(self, bot_id: str, *, leaving: bool = False) -> None:
        running = self._running.pop(bot_id, None)
        if running is None or running.task is None:
            return
        running.leaving = leaving
        running.task.cancel()
        await asyncio.wait([running.task], timeout=LEAVE_TIMEOUT_S + CLOSE_TIMEOUT_S + 1)

    async def _live(self, running: _Running) -> None:
        """A bot's task. It ends when it is cancelled, and when the token is refused."""
        failures = 0
        while True:
            try:
                await self._connect_and_poll(running)
            except RemoteRejected as error:
                self._observe(running.credentials, Status.CRASHED, error.message)
                return
            except Exception:  # a bot's edge - no other bot may feel it
                failures += 1
                log.exception(
                    "A bot failed and is started again", extra={"bot_id": running.credentials.bot.id}
                )
                self._observe(
                    running.credentials, Status.DEGRADED, "Something went wrong inside Roost. Starting again."
                )
                await asyncio.sleep(RETRY.delay_s(failures, self._chance()))

    async def _connect_and_poll(self, running: _Running) -> None:
        credentials = running.credentials
        connection = await self._connectors[credentials.bot.platform].connect(credentials)
        running.connection = connection
        connection.reconfigure(running.credentials)
        opened = reached = False
        failures = 0
        try:
            while True:
                try:
                    if not opened:
                        await connection.open()
                        opened = True
                    # The first poll does not wait: it tells at once whether the platform is there.
                    shortfall = await connection.poll(POLL_WAIT_S if reached else 0.0)
                except RemoteRejected:
                    raise
                except RoostError as error:
                    reached = False
                    failures += 1
                    self._observe(running.credentials, Status.DEGRADED, error.message)
                    backoff = ELSEWHERE if error.code == POLLED_ELSEWHERE else RETRY
                    wait_s = backoff.delay_s(failures, self._chance())
                    await asyncio.sleep(max(wait_s, error.retry_after_s or 0.0))
                else:
                    reached = True
                    failures = 0
                    status = Status.RUNNING if shortfall is None else Status.DEGRADED
                    self._observe(running.credentials, status, shortfall, reached=True)
        finally:
            running.connection = None
            if running.leaving and connection.receiver is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(connection.receiver.unset(), LEAVE_TIMEOUT_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connection.close(), CLOSE_TIMEOUT_S)

    def _observe(
        self, credentials: BotCredentials, status: Status, reason: str | None, *, reached: bool = False
    ) -> None:
        bot, now = credentials.bot, self._clock.now()
        with self._lock:
            before = self._observed.get(bot.id)
            changed = before is None or (before.status, before.reason) != (status, reason)
            keeps = before is not None and status in (Status.RUNNING, Status.DEGRADED)
            running_since: datetime | None = before.running_since if before and keeps else None
            if reached and running_since is None:
                running_since = now
            last_contact_at = before.last_contact_at if before else None
            self._observed[bot.id] = Observed(
                status=status,
                reason=reason,
                since=before.since if before and before.status is status else now,
                last_contact_at=now if reached else last_contact_at,
                running_since=running_since,
            )
        if changed:
            self._logs.add(bot.id, bot.owner_id, _LEVELS[status], reason or _SENTENCES[status])
            self._publish(BotChanged(bot.id, bot.owner_id))


def _same_connection(one: BotCredentials, other: BotCredentials) -> bool:
    return (one.token, one.bot.transport, one.webhook_secret) == (
        other.token,
        other.bot.transport,
        other.webhook_secret,
    )
