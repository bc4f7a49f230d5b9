"""How sessions end while a task and a thread of the application send to them: what is then listed as undelivered.

1.  A page asks for it (`chaos/end`), and then for nothing more: what it is sent stays undelivered.
2.  The application ends the session, sends it more than an actor handles in one turn, waits until it has ended, and
    sends more, every other packet with a receipt. A thread sends all the time, until the application is told.
3.  Then everything that the task sent must be listed, and everything that the thread had sent when the session was
    ended, followed by the first part of what it sent later: between the moment when the list is complete and when the
    application has it, a thread may get its turn. Both must be in the order of sending. What is missing is lost, and
    what is not in its own place is reordered.
4.  A page that asks how it went (`chaos/endings`) gets the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.ledger import Counts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.app import App
    from cometary.server import Running
    from cometary.sessions import Packet, Session

END: Final = "chaos/end"
LATE: Final = "chaos/late"
ENDINGS: Final = "chaos/endings"

CROWD: Final = 350
"""Packets that actors do not handle before other tasks have their turn."""

MOST_BY_THREAD: Final = 300
WAITING: Final = 100
"""The most sessions that wait for their end; others are not ended."""


class Ending:
    """One session that ends.

    Args:
        session: the session.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sent = {"task": 0, "thread": 0}
        self.by_thread = 0  # had been sent when it was ended
        self.told = trio.Event()

    def send(self, sender: str, packets: int, *, receipts: bool = True) -> None:
        """Send some more packets."""
        for number in range(self.sent[sender] + 1, self.sent[sender] + packets + 1):
            receipt = f"chaos {number}" if receipts and number % 2 else None
            self.session.send(LATE, [sender, number], receipt=receipt)
            self.sent[sender] = number

    def send_until_told(self) -> None:
        """Be the thread."""
        while self.sent["thread"] < MOST_BY_THREAD and not self.told.is_set():
            self.send("thread", 1)

    def judge(self, undelivered: Sequence[Packet]) -> Counts:
        """Return what has become of the packets (rule 3)."""
        sent = dict(self.sent)
        self.told.set()
        counts = Counts()
        for sender, least in (("task", sent["task"]), ("thread", self.by_thread)):
            listed = [one.message[1] for one in undelivered if one.path == LATE and one.message[0] == sender]
            wanted = range(1, max([least, *listed]) + 1)
            counts += Counts(
                sent=max(sent[sender], len(listed)),
                received=len(listed),
                lost=len(set(wanted) - set(listed)),
                doubled=len(listed) - len(set(listed)),
                reordered=sum(
                    number != place for place, number in enumerate(sorted(set(listed), key=listed.index), 1)
                ),
            )
        return counts


class Endings:
    """All sessions that end.

    Args:
        app: whose sessions they are.
    """

    def __init__(self, app: App) -> None:
        self.ended = 0
        self.counts = Counts()
        self._open: dict[str, Ending] = {}
        self._ask, self._asked = trio.open_memory_channel["Ending"](WAITING)
        app.packet(END)(self.wish)
        app.packet(ENDINGS)(self.tell)
        app.signoff(self.sign_off)
        app.task(self.chaos_endings)

    def wish(self, session: Session, _path: str, _message: object) -> None:
        """Have a session ended (rule 1)."""
        if session.sid not in self._open and len(self._open) < WAITING:
            self._open[session.sid] = ending = Ending(session)
            self._ask.send_nowait(ending)

    async def chaos_endings(self, running: Running) -> None:
        """Be the task."""
        async with trio.open_nursery() as nursery:
            async for ending in self._asked:
                nursery.start_soon(self._see_off, ending, running)

    async def _see_off(self, ending: Ending, running: Running) -> None:
        session = ending.session
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, ending.send_until_told)
            while not ending.sent["thread"]:  # noqa: ASYNC110 - the thread is to do nothing but send
                await trio.sleep(0.001)
            session.kick()
            ending.by_thread = ending.sent["thread"]
            ending.send("task", CROWD, receipts=False)
            while running.machine(session) is not None:
                await trio.lowlevel.checkpoint()
            if not ending.told.is_set():
                ending.send("task", 3)

    def sign_off(self, session: Session, _reason: str, undelivered: Sequence[Packet]) -> None:
        """Judge what the application is told."""
        ending = self._open.pop(session.sid, None)
        if ending is not None:
            self.ended += 1
            self.counts += ending.judge(undelivered)

    def tell(self, session: Session, _path: str, _message: object) -> None:
        """Say how it went (rule 4)."""
        counts = self.counts
        session.send(
            ENDINGS, [self.ended, counts.sent, counts.received, counts.lost, counts.doubled, counts.reordered]
        )
