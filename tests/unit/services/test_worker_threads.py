"""Threads on demand, within a bound."""

import threading

from roost.services.worker_threads import WorkerThreads


def test_no_more_than_the_limit_runs_at_once_and_all_of_it_is_done() -> None:
    threads = WorkerThreads(3, "test")
    gate, lock = threading.Event(), threading.Lock()
    running, most, done = 0, 0, 0
    full = threading.Semaphore(0)

    def work() -> None:
        nonlocal running, most, done
        with lock:
            running += 1
            most = max(most, running)
        full.release()
        gate.wait(5)
        with lock:
            running -= 1
            done += 1

    for _ in range(10):
        threads.submit(work)
    for _ in range(3):
        assert full.acquire(timeout=5)
    assert not threads.wait_idle(0.05)
    gate.set()
    assert threads.wait_idle(5)
    assert (most, done) == (3, 10)


def test_threads_end_when_there_is_nothing_to_do_and_come_back() -> None:
    threads = WorkerThreads(2, "test-idle-end", idle_s=0.01)
    for _ in range(2):
        ran = threading.Event()
        threads.submit(ran.set)
        assert ran.wait(5)
        for each in threading.enumerate():
            if each.name == "test-idle-end":
                each.join(5)
        assert not [each for each in threading.enumerate() if each.name == "test-idle-end"]
