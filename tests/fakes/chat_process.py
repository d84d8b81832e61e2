"""A process with conversations and nothing else, to be killed: `ask ANSWERED HELD`, then `resume`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from roost.clock import SystemClock, SystemIds
from roost.domain.accounts import Person, Role
from roost.domain.answers import AnswerSettings
from roost.services.chat import Chat
from roost.services.runs import Runs
from roost.storage.database import Database
from tests.fakes.scripted_answerer import ScriptedAnswerer

ANNA = Person("anna", "Anna", None, Role.OWNER)


class NoBots:
    def answer_settings(self, bot_id: str, person_id: str) -> AnswerSettings:
        return AnswerSettings(bot_id=bot_id)


def main() -> None:
    clock = SystemClock()
    ids = SystemIds(clock)
    database = Database(Path(sys.argv[1]), "conversations")
    database.open()
    answerer = ScriptedAnswerer()
    runs = Runs(database, answerer, NoBots(), clock)
    chat = Chat(database, runs, NoBots(), clock, ids)
    if sys.argv[2] == "resume":
        resumed = runs.resume_unfinished()
        with database.read() as db:
            pending = [row.id for row in db.exec_driver_sql("SELECT id FROM runs WHERE status = 'pending'")]
        for run_id in pending:
            subscription = runs.subscribe(ANNA.id, run_id, None)
            while not subscription.ended:
                subscription.next(10)
        _say(f"resumed {resumed}")
        runs.stop()
        database.close()
        return
    answered, held = int(sys.argv[3]), int(sys.argv[4])
    thread = chat.create_thread(ANNA, title="Killed").thread
    for _ in range(answered):
        chat.ask(ANNA, "?", thread_id=thread.id)
    for message in chat.list_messages(ANNA, thread.id, limit=200).items:
        if message.role == "user":
            _say(f"{message.id} answered")
    answerer.hold_before = 1
    for _ in range(held):
        posted = chat.post_message(ANNA, thread.id, ids.new(), "?")
        _say(f"{posted.message.id} stored")
    for _ in range(held):
        answerer.reached.acquire()
    _say("held")
    threading.Event().wait()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
