"""Blocking work under supervisors: a database in a thread of its own, an archive in another, and their restart.

python examples/blocking_work.py
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from pathlib import Path

import trio

from cometary.actors import ThreadingActor, system
from cometary.supervision import ChildSpec, InThread, latest_reports, supervise, which_children


class Database(ThreadingActor):
    """Keeps what is in stock: one connection, which is used in one thread only."""

    def __init__(self, path: str, archive: queue.Queue[str]) -> None:
        super().__init__()
        self.path = path
        self.archive = archive

    def on_start(self) -> None:
        """Open the database, in the thread that will use it."""
        self.connection = sqlite3.connect(self.path)
        self.connection.execute("CREATE TABLE IF NOT EXISTS stock (name TEXT PRIMARY KEY, count INTEGER)")

    def on_stop(self) -> None:
        """Close it."""
        self.connection.close()

    def on_failure(self, *_args: object, **_kwargs: object) -> None:
        """Close it after a crash as well: the next incarnation opens it again."""
        self.connection.close()

    def on_receive(self, message: tuple[str, int]) -> None:
        """Take in some pieces of something."""
        name, count = message
        with self.connection:  # a transaction
            self.connection.execute(
                "INSERT INTO stock VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + ?",
                (name, count, count),
            )
        self.archive.put(f"{count} of {name}")

    def stock(self) -> dict[str, int]:
        """Return what there is."""
        return dict(self.connection.execute("SELECT name, count FROM stock ORDER BY name"))


def write_archive(path: str, lines: queue.Queue[str], *, stopping: threading.Event) -> None:
    """Write lines to a file until there are none left and it is time to stop."""
    with Path(path).open("a", encoding="utf-8") as file:
        while not (stopping.is_set() and lines.empty()):
            try:
                print(lines.get(timeout=0.05), file=file)
            except queue.Empty:
                continue


async def run(database: str, archive: str) -> tuple[dict[str, int], list[str | None]]:
    """Take in some goods, one delivery of which is nonsense; returns what there is, and what went wrong."""
    lines: queue.Queue[str] = queue.Queue(maxsize=1000)
    children = [
        ChildSpec("archive", InThread(write_archive), (archive, lines), shutdown=2),
        ChildSpec("database", Database, (database, lines)),
    ]
    async with system(), supervise(children, intensity=3) as root:
        refs = {child.id: child.ref for child in await which_children(root)}
        stock = refs["database"]
        assert stock is not None  # noqa: S101 - it has just been started
        for delivery in (("apples", 3), ("pears", 4), ("nonsense",), ("apples", 2)):
            stock.tell(delivery)
        return await stock.proxy().stock(), [report.error for report in latest_reports(root)]


if __name__ == "__main__":
    print(trio.run(run, "stock.sqlite", "archive.txt"))
