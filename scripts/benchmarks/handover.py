"""How long a bucket's lease takes from one container to the next, and what a bucket adds to a start."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import httpx

from scripts.benchmarks.process_tree import cpu_s, pss_mb
from scripts.benchmarks.table import Figure, show
from tests.e2e.fleet import TTL_S, Fleet, Writing, add_bot, fleet, state
from tests.e2e.roost_process import RoostProcess
from tests.e2e.world import wait_for
from tests.fakes.fake_gcs import FakeGcs

ROUNDS = 3


def run() -> str:
    rounds = [_hand_over() for _ in range(ROUNDS)]
    asked_s, gap_s = (statistics.median(each[column] for each in rounds) for column in (0, 1))
    held_s, ready_s = _kill()
    idle_s, stalled_s = _stop(stalled=False), _stop(stalled=True)
    plain_cpu_s, plain_mb = _start(with_bucket=False)
    bucket_cpu_s, bucket_mb = _start(with_bucket=True)
    how = (
        "Real processes and the real client library against a Cloud Storage server on loopback, one Telegram "
        f"bot, somebody writing all the time; the lease lasts {TTL_S} s; the median of {ROUNDS} handovers."
    )
    return show(
        "Handover",
        how,
        [
            Figure("from asking to ready", f"{asked_s:.2f} s", "<= 3 s", "-", asked_s <= 3),
            Figure("longest time without an acknowledged write", f"{gap_s:.2f} s", "<= 3 s", "-", gap_s <= 3),
            Figure(
                "from kill -9 of the holder to another one holding the lease",
                f"{held_s:.1f} s",
                f"<= {TTL_S + 2} s",
                "-",
                held_s <= TTL_S + 2,
            ),
            Figure(
                "from there to ready, on an empty disk",
                f"{ready_s - held_s:.1f} s",
                "<= 3 s",
                "-",
                ready_s - held_s <= 3,
            ),
            Figure("SIGTERM to exit 0, idle", f"{idle_s:.1f} s", "<= 5 s", "-", idle_s <= 5),
            Figure("the same, bucket stalled", f"{stalled_s:.1f} s", "<= 8 s", "-", stalled_s <= 8),
            Figure(
                "CPU of a start with a bucket, less one without",
                f"{bucket_cpu_s - plain_cpu_s:.2f} s",
                "<= 1 s",
                "-",
                bucket_cpu_s - plain_cpu_s <= 1,
            ),
            Figure(
                "memory ten seconds after, less without",
                f"{bucket_mb - plain_mb:.0f} MB",
                "<= 60 MB",
                "-",
                bucket_mb - plain_mb <= 60,
            ),
        ],
    )


def _hand_over() -> tuple[float, float]:
    """Seconds from asking to ready, and the longest between two writes that were acknowledged."""
    with ExitStack() as stack:
        here = _fleet(stack)
        old, new = here.container("old", "one"), here.container("new", "two")
        old.start()
        add_bot(old, here.telegram)
        with Writing(old, new) as writing:
            writing.until(20)
            new.launch()
            while "Asked" not in new.printed:
                time.sleep(0.005)
            asked_at_s = time.monotonic()
            while httpx.get(f"{new.base_url}/readyz", timeout=5).status_code != 200:
                time.sleep(0.01)
            took_s = time.monotonic() - asked_at_s
            writing.until(len(writing.acknowledged) + 20)
        moments = [at_s for _, at_s in writing.acknowledged]
        return took_s, max(later - earlier for earlier, later in pairwise(moments))


def _kill() -> tuple[float, float]:
    """Seconds until the second one holds the lease, and until it is ready."""
    with ExitStack() as stack:
        here = _fleet(stack)
        old, new = here.container("old"), here.container("new")
        old.start()
        new.launch()
        wait_for(lambda: state(new) == "standby", "the second stands by")
        old.kill()
        began_s = time.monotonic()
        wait_for(lambda: "Holding the lease" in new.printed, "the second holds the lease", within_s=60)
        held_s = time.monotonic() - began_s
        new.wait_until_ready(60)
        return held_s, time.monotonic() - began_s


def _stop(*, stalled: bool) -> float:
    with ExitStack() as stack:
        gcs = stack.enter_context(FakeGcs("roost"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        here = stack.enter_context(fleet(folder, gcs))
        roost = here.container("one")
        roost.start()
        add_bot(roost, here.telegram)
        if stalled:
            with Writing(roost) as writing:
                writing.until(20)
                gcs.stall()
                writing.until(40)
        began_s = time.monotonic()
        roost.terminate()
        return time.monotonic() - began_s


def _start(*, with_bucket: bool) -> tuple[float, float]:
    """Seconds of CPU until ready, and MB ten seconds later."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environ: dict[str, str] = {}
        if with_bucket:
            gcs = stack.enter_context(FakeGcs("roost"))
            key = "a key of more than thirty-two characters"
            environ = {
                "GCS_BUCKET_NAME": "roost",
                "STORAGE_EMULATOR_HOST": gcs.url,
                "SECRET_KEY": key,
            }
        roost = stack.enter_context(RoostProcess(folder / "data", environ))
        roost.start()
        used_s = cpu_s(roost.pid)
        time.sleep(10)
        return used_s, pss_mb(roost.pid)


def _fleet(stack: ExitStack) -> Fleet:
    gcs = stack.enter_context(FakeGcs("roost"))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return stack.enter_context(fleet(folder, gcs))
