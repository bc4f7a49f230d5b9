"""A task of the application that sends to sessions while these end, and at other times; and threads that do.

1.  Now and then it sends some session a few packets, every other one with a receipt.
2.  As long as there is trouble it now and then ends a session, sends it more than an actor handles in one turn,
    waits until the session has ended, and sends it more still.
3.  There are no threads in a simulation: nothing could be repeated. But what a thread does is repeated in the one that
    there is, which says that it is another one.
4.  It stops with a session when the application has been told of its end.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from random import Random
from threading import get_ident
from typing import Any, Final

import trio

from cometary.server import Running
from cometary.sessions import Session
from tests.simulation.accounts import Account

EVERY: Final = 0.3
"""Seconds between two sessions that it turns to, on average."""

KICKS: Final = 0.1
"""How many of these it ends."""

CROWD: Final = 150
"""Packets that an actor does not handle in one turn."""

TASKS: Final = "down/tasks"
THREADS: Final = "down/threads"
"""Where packets go, by who has sent them."""


class Chatter:
    """The task.

    Args:
        accounts: of all sessions, by session id.
        chance: draws what it does.
        calm: says whether trouble is over.
    """

    def __init__(self, accounts: dict[str, Account], chance: Random, calm: Callable[[], bool]) -> None:
        self._accounts = accounts
        self._chance = chance
        self._calm = calm
        self._sessions: dict[str, Session] = {}

    def join(self, session: Session) -> None:
        """Take note of a session that has opened."""
        self._sessions[session.sid] = session

    def leave(self, session: Session) -> None:
        """Take note that the application has been told of the end of a session."""
        self._sessions.pop(session.sid, None)

    async def run(self, running: Running) -> None:
        """Run until cancelled."""
        while True:
            await trio.sleep(self._chance.expovariate(1 / EVERY))
            if self._sessions:
                session = self._sessions[self._chance.choice(list(self._sessions))]
                if not self._calm() and self._chance.random() < KICKS:
                    await self._see_off(session, running)
                self._send(session, self._chance.randrange(1, 5))

    async def _see_off(self, session: Session, running: Running) -> None:
        session.kick()
        self._send(session, CROWD, receipts=False)
        while running.machine(session) is not None:
            await trio.lowlevel.checkpoint()

    def _send(self, session: Session, count: int, *, receipts: bool = True) -> None:
        account = self._accounts[session.sid]
        for place in range(count):
            if account.reason is not None:
                return
            for sender, as_who in ((TASKS, oneself), (THREADS, another_thread)):
                number = account.number(sender)
                receipt = account.wants_receipt(sender, number) if receipts and place % 2 else None
                with as_who():
                    session.send(sender, number, receipt=receipt)


@contextmanager
def oneself() -> Generator[None]:
    """Send as what one is."""
    yield


SENDING: Final[Sequence[Any]] = [
    importlib.import_module(f"cometary.{name}")
    for name in ("sessions.session", "dispatch.hub", "sessions.posting", "actors.ref")
]
"""The modules that ask which thread it is."""


@contextmanager
def another_thread() -> Generator[None]:
    """Send as if from another thread."""
    for module in SENDING:
        module.get_ident = elsewhere
    try:
        yield
    finally:
        for module in SENDING:
            module.get_ident = get_ident


def elsewhere() -> int:
    """Return what no thread has for its id."""
    return 0
