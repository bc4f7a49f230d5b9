"""Letters that outlive everything: kept in SQLite until the browser has acknowledged them.

TOKEN_SECRET=… cometary serve examples.letters:app
"""

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

import trio

from cometary import App, Receipt, Session
from cometary.authentication import SignedToken

app = App(authenticate=SignedToken(os.environ["TOKEN_SECRET"]))
at_home: dict[str, Session] = {}
"""The latest session of each user who has one."""
one_at_a_time = trio.Lock()
"""So that a letter written while its reader signs on is sent once, not twice or not at all."""


@app.signon
async def joined(session: Session) -> None:
    """Send every letter that no session of this user has acknowledged."""
    user = session.data["user"]
    async with one_at_a_time:
        for number, text in await trio.to_thread.run_sync(letters_for, user):
            session.send("letter", text, receipt=str(number))
        at_home[user] = session
    session.send("signed-in", user)


@app.packet("write/*")
async def write(_session: Session, path: str, message: object) -> None:
    """Keep a letter, and only then send it, if the user whom the path names is at home."""
    user = path.removeprefix("write/")
    async with one_at_a_time:
        number = await trio.to_thread.run_sync(keep, user, message)
        if user in at_home:
            at_home[user].send("letter", message, receipt=str(number))


@app.receipt
async def settled(receipt: Receipt) -> None:
    """Throw a letter away once it has arrived; after any other outcome the next session gets it."""
    if receipt.outcome == "delivered":
        await trio.to_thread.run_sync(throw_away, int(receipt.id))


@app.signoff
def left(session: Session, *_: object) -> None:
    """Send no more letters to this session."""
    if at_home.get(session.data["user"]) is session:
        del at_home[session.data["user"]]


# -- the table; these run in threads, since they wait for the disk ------------------------------


@contextmanager
def database() -> Generator[sqlite3.Connection]:
    """Open the database for one transaction."""
    connection = sqlite3.connect(os.environ.get("LETTERS", "letters.sqlite3"))
    try:
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS letters"
                " (number INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, text TEXT)"
            )
            yield connection
    finally:
        connection.close()


def keep(user: str, text: object) -> int:
    """Keep a letter; returns its number."""
    with database() as db:
        row = db.execute("INSERT INTO letters (user, text) VALUES (?, ?)", [user, json.dumps(text)])
        return row.lastrowid or 0


def letters_for(user: str) -> list[tuple[int, object]]:
    """Return a user's letters, oldest first."""
    with database() as db:
        rows = db.execute(
            "SELECT number, text FROM letters WHERE user = ? ORDER BY number", [user]
        ).fetchall()
    return [(number, json.loads(text)) for number, text in rows]


def throw_away(number: int) -> None:
    """Forget a letter."""
    with database() as db:
        db.execute("DELETE FROM letters WHERE number = ?", [number])
