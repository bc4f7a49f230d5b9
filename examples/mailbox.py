"""Mail that one session did not get is kept in SQLite, and the user's next session gets it.

TOKEN_SECRET=… cometary serve examples.mailbox:app
"""

import json
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import trio

from cometary import App, Packet, Session
from cometary.authentication import SignedToken

app = App(authenticate=SignedToken(os.environ["TOKEN_SECRET"]))


@app.signon
async def joined(session: Session) -> None:
    """Send what the user's last session did not get."""
    user = session.data["user"]
    for path, message in await trio.to_thread.run_sync(take, user):
        session.send(path, message)
    session.connect(f"mail/{user}")
    session.send("signed-in", user)


@app.signoff
async def keep_undelivered(session: Session, _reason: str, undelivered: Sequence[Packet]) -> None:
    """Keep the mail that the client never acknowledged; what else there was means nothing later."""
    mail = [packet for packet in undelivered if packet.path.startswith("mail/")]
    if mail:
        await trio.to_thread.run_sync(keep, session.data["user"], mail)


# -- the table; these run in threads, since they wait for the disk ------------------------------


@contextmanager
def database() -> Generator[sqlite3.Connection]:
    """Open the database for one transaction."""
    connection = sqlite3.connect(os.environ.get("MAILBOX", "mailbox.sqlite3"))
    try:
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS mail (user TEXT, path TEXT, message TEXT)")
            yield connection
    finally:
        connection.close()


def keep(user: str, packets: Sequence[Packet]) -> None:
    """Put packets into a user's mailbox."""
    rows = [(user, packet.path, json.dumps(packet.message)) for packet in packets]
    with database() as db:
        db.executemany("INSERT INTO mail VALUES (?, ?, ?)", rows)


def take(user: str) -> list[tuple[str, object]]:
    """Take everything out of a user's mailbox, oldest first."""
    with database() as db:
        rows = db.execute("SELECT path, message FROM mail WHERE user = ? ORDER BY rowid", [user]).fetchall()
        db.execute("DELETE FROM mail WHERE user = ?", [user])
    return [(path, json.loads(message)) for path, message in rows]
