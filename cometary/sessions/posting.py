"""How packets and other messages come to a session, whatever sends them: in one order, and none vanishes.

1.  As long as a session lives, everything for it goes into its actor's mailbox.
2.  When it has ended, its mailbox has mail that was accepted before, and behind that a message by which the actor
    signs the session off. What is sent until that has its turn waits in the keeper (`late`), and then comes behind
    the mail. So no packet overtakes another, whether or not it wants a receipt.
3.  From then on, and as long as the application has not been told of the end, what is sent is listed as undelivered,
    behind the rest. Of what was sent after the end, the list takes only as much as a session may queue, twice at
    most; beyond that nothing more is taken.
4.  What is sent later still, or is not taken, is counted as undelivered, and has its receipt.
5.  Threads leave what they send here, in one line for all, and the loop takes one item after another. A session that
    signs off has the whole line taken first: what a thread has sent by then is in the list.
6.  What is sent to a session where it was before it moved goes after it, behind what went with it.
7.  An actor that has ended for good takes no mail. If its session has not ended (its supervisor has, and the next one
    will end it as `failed`), packets are listed as undelivered.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING

from pykka import ActorDeadError

from cometary.packets.packet import Packet
from cometary.sessions.events import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions.keeper import SessionKeeper


class Posting:
    """Takes what is sent to the sessions of one server.

    Args:
        too_late: told of each packet that no mailbox takes any more, and that is to be listed.
        refuse: told of each that is not listed either.
    """

    def __init__(
        self,
        too_late: Callable[[SessionKeeper, Packet], None],
        refuse: Callable[[SessionKeeper, Packet], None],
    ) -> None:
        self._too_late = too_late
        self._refuse = refuse
        self._from_threads: deque[tuple[SessionKeeper, object]] = deque()

    def send(self, keeper: SessionKeeper, message: object) -> None:
        """Send a session a packet, or what else its actor knows; from any thread."""
        system = keeper.system
        if get_ident() == system.thread:
            self.post(keeper, message)
            return
        self._from_threads.append((keeper, message))
        with suppress(ActorDeadError):  # the server has stopped
            system.call_soon(self._take_one)

    def end(self, keeper: SessionKeeper, reason: str) -> None:
        """Have a session end for one of protocol.md's reasons; from any thread."""
        self.send(keeper, End(reason))

    def post(self, keeper: SessionKeeper, message: object) -> None:
        """Do it; on the loop."""
        if keeper.ended is None and keeper.take(message):
            return
        if keeper.forward is not None:
            keeper.forward(message)
        elif not isinstance(message, Packet):
            keeper.tell(message)
        elif keeper.ended is None or keeper.sign_off is not None:
            self._too_late(keeper, message)
        elif keeper.settled or not keeper.take_late(message):
            self._refuse(keeper, message)

    def hand(self, keeper: SessionKeeper, message: object) -> None:
        """Do it, and have it handled at once if nothing is in the way of that; on the loop."""
        if keeper.ended is not None or not keeper.hand(message):
            self.post(keeper, message)

    def take_all(self) -> None:
        """Take all that threads have sent by now; on the loop."""
        while self._from_threads:
            self._take_one()

    def _take_one(self) -> None:
        # As often as something was put in; `take_all` may have come before.
        if self._from_threads:
            self.post(*self._from_threads.popleft())
