"""An order, and the update that tells of it, in one transaction: no crash comes between the two.

cometary serve; python examples/kept_orders.py http://127.0.0.1:8081 orders.sqlite3 tea
"""

import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from cometary import Connector
from cometary.contrib.kept import Kept, send, written

TABLES = """
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT);
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, since REAL, body TEXT);
"""


@dataclass(frozen=True)
class Waiting:
    """The table of updates that wait, in a file of SQLite."""

    file: str

    def oldest(self, count: int) -> Sequence[Kept]:
        """Return the first so many."""
        with closing(sqlite3.connect(self.file)) as db:
            rows = db.execute("SELECT id, since, body FROM waiting ORDER BY id LIMIT ?", [count])
            return [Kept(*row) for row in rows]

    def forget(self, ids: Sequence[int]) -> None:
        """Delete some."""
        with closing(sqlite3.connect(self.file)) as db, db:
            db.executemany("DELETE FROM waiting WHERE id = ?", [(each,) for each in ids])


def order(file: str, item: str) -> None:
    """Take an order."""
    with closing(sqlite3.connect(file)) as db, db:
        db.executescript(TABLES)
        db.execute("INSERT INTO orders (item) VALUES (?)", [item])
        body = written("orders", {"item": item})
        db.execute("INSERT INTO waiting (since, body) VALUES (?, ?)", [time.time(), body])


if __name__ == "__main__":
    _, url, file, *items = sys.argv
    for item in items:
        order(file, item)
    with Connector(url) as connector:
        print(send(connector, Waiting(file)), "sent")  # in a web application: Sender.wake, after the commit
