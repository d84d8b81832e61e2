"""What an operator waits for: the insights of a year, over 100,000 messages."""

from __future__ import annotations

import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from roost.clock import SystemIds, timestamp
from roost.domain.insights import Choice, Sight
from roost.services.insights import SHOWN
from roost.storage import insights
from roost.storage.database import Database, Transaction
from roost.storage.statements import text
from scripts.benchmarks.table import Figure, show

QUESTIONS = 50_000
TOPICS = 5_000
PAGES = 400
ROUNDS = 7
TARGET_MS = 100
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class _Still:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0


def run() -> str:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "conversations.db", "conversations", "NORMAL")
        database.open()
        try:
            database.write(_fill)
            return _measured(database)
        finally:
            database.close()


def _fill(db: Transaction) -> None:
    """Questions of a year: some topics are asked far more often, one in twelve is not answered."""
    dice, ids = random.Random(1), SystemIds(_Still())
    threads, messages, questions, pages, thumbs = [], [], [], [], []
    thread_id = ""
    for number in range(QUESTIONS):
        if number % 10 == 0:
            thread_id = ids.new()
            threads.append(
                {"id": thread_id, "bot": f"bot {number % 7}", "key": str(number), "at": timestamp(NOW)}
            )
        at = timestamp(NOW - timedelta(seconds=dice.randrange(365 * 86_400)))
        topic = f"topic {int(TOPICS * dice.random() ** 3)} of the docs"
        question_id, answer_id = ids.new(), ids.new()
        answered = dice.random() > 1 / 12
        seq = number % 10 * 2
        for message_id, role, said, place in (
            (question_id, "user", f"How do I get {topic}?", seq),
            (answer_id, "assistant", "An answer. " * 60, seq + 1),
        ):
            messages.append(
                {"id": message_id, "thread": thread_id, "seq": place, "role": role, "text": said, "at": at}
            )
        questions.append(
            {
                "id": answer_id,
                "question": question_id,
                "topic": topic,
                "outcome": "answered" if answered else "unanswered",
                "bot": f"bot {number % 7}",
                "asker": f"telegram:{number % 900}",
                "at": at,
            }
        )
        first = int(PAGES * dice.random() ** 2)
        pages += [
            {
                "id": answer_id,
                "page": f"https://docs.test/page/{(first + n) % PAGES}",
                "cited": int(answered),
                "at": at,
            }
            for n in range(dice.randint(1, 3))
        ]
        if dice.random() < 0.04:
            thumbs.append({"id": answer_id, "thumb": dice.choice(("up", "down")), "at": at})
    for statement, rows in (
        (
            (
                "INSERT INTO threads (id, bot_id, platform, chat_key, title, created_at, updated_at)"
                " VALUES (:id, :bot, 'telegram', :key, 'T', :at, :at)"
            ),
            threads,
        ),
        (
            (
                "INSERT INTO messages (id, thread_id, seq, role, text, status, created_at)"
                " VALUES (:id, :thread, :seq, :role, :text, 'done', :at)"
            ),
            messages,
        ),
        (
            (
                "INSERT INTO questions (answer_id, question_id, topic, outcome, platform, bot_id, asker,"
                " asked_at) VALUES (:id, :question, :topic, :outcome, 'telegram', :bot, :asker, :at)"
            ),
            questions,
        ),
        (
            (
                "INSERT INTO question_pages (answer_id, page, title, cited, asked_at)"
                " VALUES (:id, :page, :page, :cited, :at)"
            ),
            pages,
        ),
        ("INSERT INTO feedback (message_id, thumb, created_at) VALUES (:id, :thumb, :at)", thumbs),
    ):
        db.execute(text(statement), rows)


def _measured(database: Database) -> str:
    everything = Sight("owner", everything=True)
    member = Sight("member", everything=False, bot_ids=("bot 1", "bot 2"))
    year = Choice(NOW - timedelta(days=365), NOW)
    month = Choice(NOW - timedelta(days=30), NOW)
    chosen = (
        ("insights of a year over 100,000 messages", everything, year),
        ("the same, of a month", everything, month),
        ("the same, of a year, of a member's two bots", member, year),
    )
    figures = []
    for what, sight, choice in chosen:
        cpu_ms = _cpu_ms(database, sight, choice)
        figures.append(Figure(what, f"{cpu_ms:.0f} ms", f"<= {TARGET_MS} ms", "-", cpu_ms <= TARGET_MS))
    return show(
        "Insights",
        f"Six queries, one after the other, on made-up questions: CPU time, the median of {ROUNDS} rounds.",
        figures,
    )


def _cpu_ms(database: Database, sight: Sight, choice: Choice) -> float:
    times_ms = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        with database.read() as db:
            insights.count_days(db, sight, choice)
            insights.count_thumbs(db, sight, choice)
            insights.unanswered_topics(db, sight, choice, SHOWN)
            insights.asked_topics(db, sight, choice, SHOWN)
            insights.thumbs_down(db, sight, choice, SHOWN)
            insights.cited_pages(db, sight, choice, SHOWN)
        times_ms.append((time.thread_time() - began) * 1000)
    return median(times_ms)
