"""The application under simulation. Its handlers are plain and async, send, and crash; all keep account.

`up/plain` and `up/slow` answer a packet at once, or after a while; `up/poison` and `up/slow-poison` raise,
some of them after they have answered. Some answers come with a packet that may expire. Besides there are
beats to groups of sessions, sent by a task, and another task's chatter.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Sequence
from typing import Final

import trio

from cometary import App
from cometary.server import Running
from cometary.sessions import Failure, Packet, Receipt, Session
from tests.simulation.accounts import TRACKED, Account
from tests.simulation.chatter import Chatter

ANSWERS: Final = "down/answers"
GROUPS: Final = 20
TRACKED_EVERY: Final = 4
"""Answers for each packet that may expire and has a receipt."""

TTL: Final = 4.0
"""Seconds that it waits at most."""

SLOW: Final = 0.75
"""Seconds that the slowest handlers take."""


class PoisonError(Exception):
    """What handlers raise that are given poison."""


POISONS: Final = (PoisonError, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)
"""Some of it is no `Exception`, and ends the handler's actor as well, and nothing else."""


class Application:
    """The handlers.

    Args:
        accounts: of all sessions, by session id.
        beat_every: seconds between two beats of one group.
        chatter: sends to sessions while they end.
    """

    def __init__(self, accounts: dict[str, Account], beat_every: float, chatter: Chatter) -> None:
        self._accounts = accounts
        self._chatter = chatter
        self._beat_every = beat_every
        self._groups = itertools.cycle(range(GROUPS))
        self._beats = itertools.count(1)  # a restart of the task goes on counting
        self._pauses = itertools.cycle((0.0, SLOW / 2, SLOW))

    def declare(self) -> App:
        """Return the application with these handlers."""
        app = App()
        app.signon(self.sign_on)
        app.packet("up/plain")(self.plain)
        app.packet("up/slow")(self.slow)
        app.packet("up/poison")(self.poison)
        app.packet("up/slow-poison")(self.slow_poison)
        app.failure(self.failed)
        app.signoff(self.sign_off)

        @app.task
        async def beat(_running: Running) -> None:
            for number in self._beats:
                app.update(f"beat/{number % GROUPS}", number // GROUPS)
                await trio.sleep(self._beat_every / GROUPS)

        @app.task
        async def chat(running: Running) -> None:
            await self._chatter.run(running)

        return app

    # -- the handlers --------------------------------------------------------------------------------

    def sign_on(self, session: Session) -> None:
        self._accounts.setdefault(session.sid, Account(session.sid)).sign_on()
        session.connect(f"beat/{next(self._groups)}")
        self._chatter.join(session)

    def plain(self, session: Session, _path: str, number: int) -> None:
        account = self._begin(session, number)
        self._answer(session)
        account.returned(number)

    async def slow(self, session: Session, _path: str, number: int) -> None:
        account = self._begin(session, number)
        await trio.sleep(SLOW / (number % 5 + 1))
        self._answer(session)
        await trio.lowlevel.checkpoint()
        account.returned(number)

    def poison(self, session: Session, _path: str, number: int) -> None:
        self._begin(session, number)
        if number % 2:
            self._answer(session)
        raise POISONS[number % len(POISONS)]

    async def slow_poison(self, session: Session, _path: str, number: int) -> None:
        self._begin(session, number)
        await trio.sleep(SLOW)
        self._answer(session)
        raise POISONS[number % len(POISONS)]

    def failed(self, failure: Failure) -> None:
        assert failure.session is not None
        account = self._accounts[failure.session.sid]
        if failure.packet is not None:
            account.failed(failure.packet.message)
        else:
            account.hook_failed(failure.hook)

    def sign_off(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> Awaitable[None]:
        """Take note when it is called: what is sent till its coroutine has its first turn is sent too late."""
        account = self._accounts[session.sid]
        account.sign_off(reason, undelivered)
        self._chatter.leave(session)
        return self._sign_off_slowly(account)

    async def _sign_off_slowly(self, account: Account) -> None:
        await trio.sleep(next(self._pauses))
        account.signed_off()

    # -- what they do --------------------------------------------------------------------------------

    def _begin(self, session: Session, number: int) -> Account:
        account = self._accounts[session.sid]
        account.hand_over(number)
        return account

    def _answer(self, session: Session) -> None:
        account = self._accounts[session.sid]
        session.send(ANSWERS, account.number(ANSWERS))
        if account.ways[ANSWERS].sent % TRACKED_EVERY == 0:
            number = account.tracked.number()
            session.send(TRACKED, number, receipt=f"{session.sid} {number}", ttl=TTL)

    def receipt(self, receipt: Receipt) -> None:
        """Take a receipt for one of these packets."""
        sid, number, *chatter = receipt.id.split()
        if chatter:
            self._accounts[sid].take_receipt(receipt.id, receipt.outcome)
        else:
            self._accounts[sid].tracked.outcomes[int(number)].append(receipt.outcome)
