"""Updates for the sessions of all nodes: what is published here goes to every other node, by the links.

1.  By the links, not by the engine: a packet takes one step less, and goes on while the engine is away. It goes to the
    nodes that want it (`interests`).
2.  To one node, all that is published here goes in one order. Each packet has a number. It is kept until that node has
    said that it has routed it, and sent again on the next link if one breaks; what comes twice is recognised by its
    number, and ignored. So a link that breaks loses nothing and doubles nothing.
3.  For each node no more than `MOST` bytes are kept. While there are more, publishing is refused (`MailboxFullError`),
    but only as long as a node that takes nothing counts as there: when it has gone, what was kept for it is thrown
    away, and that is logged.
4.  A node takes what comes as far as its dispatcher is not behind; the rest waits, in order, and is not confirmed. That
    holds nothing else up, and is bounded by rule 3 at the publishing node.
5.  A node that was taken to be gone may only have hung, and come back with its sessions. It is told so (`Missed`) if
    anything that it has not heard was thrown away, or not kept in the meantime: its sessions hear of a gap.
6.  What can never be routed is logged, and counts as routed: it holds up nothing, and ends no node.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import MailboxFullError
from cometary.log import get_logger
from cometary.nodes.messages import Heard, Missed, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.nodes.link import Link

MOST: Final = 16 * 1024 * 1024

PAUSE: Final = 0.01
"""Seconds between two attempts to route what another node has published."""

LONGEST: Final = 15.0
"""Seconds that a packet of another node waits for sessions that are behind: longer than these are waited for."""

CONFIRM: Final = 64
"""Packets after which they are confirmed; fewer are, soon."""

logger = get_logger("cometary.nodes")


class Outgoing:
    """What was published here, for one other node.

    Args:
        node: its name.
        lock: held while something is published.
        skipped: the number of the last packet that was published before this was there; None if there is none.

    Attributes:
        begins: the same, as a number; or that of the last packet before the present process of the node was linked.
        process: which one that is; empty before any was.
        heard_of: how many packets the node knows of, as it has said; whatever it wants afterwards is of later ones.
        hears_all: whether it is sent all that is published, since it is not known what it wants.
        total: how many packets it was, or is to be, sent.
    """

    def __init__(self, node: str, lock: Lock, skipped: int | None = None) -> None:
        self._node = node
        self._lock = lock
        self._unsent: deque[tuple[int, bytes]] = deque()
        self._unconfirmed: deque[tuple[int, bytes]] = deque()
        self._kept = 0
        self._skipped = skipped  # the number of the last packet that it is never sent
        self.begins = skipped or 0
        self.process = ""
        self.heard_of = 0
        self.hears_all = True
        self.total = 0
        self._link: Link | None = None

    @property
    def full(self) -> bool:
        """Whether too much is kept."""
        return self._kept > MOST

    def add(self, number: int, payload: bytes) -> None:
        """Keep a packet to be sent; the lock is held."""
        self.total += 1
        self._unsent.append((number, payload))
        self._kept += len(payload)

    def skip(self, number: int) -> None:
        """Keep nothing of a packet, since the node has gone; the lock is held."""
        self._skipped = number

    def go_on(self) -> None:
        """Send what the link has room for; on the loop."""
        link = self._link
        while link is not None and self._unsent and not link.full:
            with self._lock:
                packet = self._unsent.popleft()
                self._unconfirmed.append(packet)
            link.put(packet[1])

    def linked(self, link: Link, heard: int | None, *, again: bool = False) -> None:
        """There is a link to a node that has routed all up to the number `heard`.

        Args:
            link: the link.
            heard: the number; None for none.
            again: whether there was one to the same process before: it has sessions that may have missed something,
                even if it has heard nothing.
        """
        if self._skipped is not None and (again or heard is not None) and (heard or 0) < self._skipped:
            link.send(Missed())  # the first message of the link
        with self._lock:
            self._unsent.extendleft(reversed(self._unconfirmed))
            self._unconfirmed.clear()
        while heard is not None and self._unsent and self._unsent[0][0] <= heard:
            self._forget(self._unsent)
        self._link = link
        link.freed = self.go_on
        self.go_on()

    def unlinked(self) -> None:
        """It has ended."""
        self._link = None

    def answered(self) -> None:
        """The node has answered by the link: so it has taken the first message."""
        self._skipped = None

    def heard(self, heard: Heard) -> None:
        """The node has routed packets."""
        while self._unconfirmed and self._unconfirmed[0][0] <= heard.number:
            self._forget(self._unconfirmed)

    def _forget(self, packets: deque[tuple[int, bytes]]) -> None:
        with self._lock:
            self._kept -= len(packets.popleft()[1])

    def gone(self) -> None:
        """The node has gone (rule 3)."""
        with self._lock:
            lost = len(self._unsent) + len(self._unconfirmed)
            if lost:
                self._skipped = (self._unsent or self._unconfirmed)[-1][0]
            self._unsent.clear()
            self._unconfirmed.clear()
            self._kept = 0
        if lost:
            text = f"{lost} updates have not reached node {self._node}, or it has not confirmed them; it has gone"
            logger.warning("updates not confirmed", text=text, node=self._node, updates=lost)


class Others:
    """What is kept for all nodes that are there.

    Args:
        there: returns it.
        away: returns that of those that have gone, and are remembered.

    Attributes:
        there: the same.
        away: the same.
        number: that of the last packet; None if nothing was published yet.
        lock: held while something is published, or thrown away: that may be in any thread.
    """

    def __init__(self, there: Callable[[], list[Outgoing]], away: Callable[[], list[Outgoing]]) -> None:
        self.there = there
        self.away = away
        self.number: int | None = None
        self.lock = Lock()

    def go_on(self) -> None:
        """Send it; on the loop."""
        for outgoing in self.there():
            outgoing.go_on()


class Incoming:
    """What one other node has published.

    Args:
        incarnation: of that node.
        route: routes a packet here; raises `MailboxFullError` if it cannot yet.
    """

    def __init__(self, incarnation: str, route: Callable[[Told, float], None]) -> None:
        self.incarnation = incarnation
        self._route = route
        self._waiting: deque[tuple[Told, float]] = deque()
        self._last: int | None = None  # the number of the last one that has come
        self._routed: int | None = None  # and of the last one that was routed,
        self._confirmed: int | None = None  # and of the last one that was confirmed
        self.link: Link | None = None
        self._passed = 0

    @property
    def passed(self) -> int:
        """How many packets it has published, as far as is known here."""
        return max(self._passed, self._last or 0)

    def note_passed(self, number: int) -> None:
        """Take note of how many it has published."""
        self._passed = max(self._passed, number)

    @property
    def heard(self) -> int | None:
        """The number of the last packet that has come: those that wait need not come again."""
        return self._last

    @property
    def is_behind(self) -> bool:
        """Whether packets wait to be routed."""
        return bool(self._waiting)

    def take(self, told: Told) -> None:
        """Take a packet, unless it has come before."""
        if self._last is not None and told.number <= self._last:
            return
        self._last = told.number
        self._waiting.append((told, trio.current_time() + LONGEST))
        if len(self._waiting) == 1:
            self.go_on()
        if self._routed is not None and self._routed >= (self._confirmed or 0) + CONFIRM:
            self.confirm()

    def go_on(self) -> None:
        """Route what waits, as far as that can be."""
        while self._waiting:
            told, until = self._waiting[0]
            try:
                self._route(told, until)
            except MailboxFullError:
                return
            except Exception:  # it fails here, as it may at each try: rule 6
                text = f"an update to {told.published.path!r} from another node could not be routed here"
                logger.exception("update failed", text=text, path=told.published.path)
            self._waiting.popleft()
            self._routed = told.number

    def confirm(self) -> None:
        """Tell the other node what was routed."""
        if self.link is not None and self._routed is not None and self._routed != self._confirmed:
            self._confirmed = self._routed
            self.link.send(Heard(self._routed))
