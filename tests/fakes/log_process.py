"""A process that writes and ships until it is killed: `python -m tests.fakes.log_process FOLDER URL FIRST`.

It prints `stored N` for each row that was acknowledged, and `shipped N` once the bucket has it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import Connection

from roost.replication.gcs import GcsStore
from tests.fakes.log_house import LogHouse


def main(folder: str, url: str, first: str) -> None:
    house = LogHouse(Path(folder), GcsStore("roost", None, url), interval_s=0.05)
    house.begin()

    def create(db: Connection) -> None:
        db.exec_driver_sql("CREATE TABLE IF NOT EXISTS counted (n INTEGER PRIMARY KEY, v BLOB)")

    house.run(create)
    number = int(first)
    while True:
        house.write("INSERT INTO counted VALUES (?, randomblob(20000))", number)
        print(f"stored {number}", flush=True)  # noqa: T201 - read by the test
        if number % 20 == 0:
            house.running.snapshot_now()
        if number % 7 == 0:
            house.flush()
            print(f"shipped {number}", flush=True)  # noqa: T201 - read by the test
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
