"""Orders in SQLAlchemy, in a file, whose processes can be killed.

Arguments: the database, the push server, what to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from sqlalchemy import create_engine, event
from sqlalchemy.orm import sessionmaker

from cometary import Connector
from cometary.contrib.kept import Sender, send
from examples.kept_in_sqlalchemy import Base, Table, Waiting, order, send_after_commits, update

engine = create_engine(f"sqlite:///{sys.argv[1]}")
Base.metadata.create_all(engine)
sessions = sessionmaker(engine)
connector = Connector(sys.argv[2], timeout=10)
table = Table(engine)


def die(*_: object) -> NoReturn:
    """Be killed, as if by the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def die_before_it_is_sent() -> None:
    """Commit an update, and die at once."""
    event.listen(sessions, "after_commit", die)
    with sessions.begin() as session:
        update(session, "todos/1", {"text": "first", "bytes": b"\0\xff"})


def die_before_it_is_forgotten() -> None:
    """Send what waits, and die before it is deleted."""

    class Mortal(Table):
        def forget(self, ids: Sequence[int]) -> None:
            del ids
            die()

    send(connector, Mortal(engine))


def roll_back() -> None:
    """Change a mind."""
    with sessions() as session:
        order(session, "never")
        session.rollback()


def go_on() -> None:
    """Commit another update, one that the server refuses and one that is too old; and wait until all are gone."""
    roll_back()
    with sessions.begin() as session:
        session.add(Waiting(body='{"path": "", "message": "refused"}'))
        session.add(Waiting(body='{"path": "todos/1", "message": "too old"}', since=1_577_836_800.0))
    send_after_commits(sessions, Sender(lambda: connector), table)
    with sessions.begin() as session:
        update(session, "todos/1", "second")
    while table.oldest(1):
        time.sleep(0.01)


globals()[sys.argv[3]]()
