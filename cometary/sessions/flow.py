"""Flow: a client that reads, but not as fast as others send, is waited for instead of ended.

1.  A session's queue has a limit. A client that is away, or does not read, is ended with `overflow` when it is
    reached.
2.  A client reads if it has a request with the server, or had one within the last `PATIENCE` seconds. When its queue
    is full it falls **behind**: for the time being its queue has room for as much again.
3.  An update to a path that such a session hears waits (it is *parked*, by the dispatcher), and those to the same
    path that come after it as well, so that all hear them in one order. Nothing is lost: they go on when the session
    has caught up, that is when its queue is down to half its limit, when it ends, or when it has been behind for
    `PATIENCE` seconds. Then it is too slow, and ends with `overflow` if there is no room for the next packet. So it
    does if it has been waited for too long in all (`cometary.sessions.allowance`).
    What is sent to the session itself (`session.send`) does not wait, nor does an update that may be dropped anyway.
4.  The session whose packet brought about what waits is **held**: no further packet of its client is handed over till
    then. So is one whose handler sends to a session that is behind, its own included. What its client sends meanwhile
    waits for the application, up to the usual bound, and beyond that is put off (`too-many-requests`).
5.  So a slow reader delays those who speak where it listens, by `PATIENCE` seconds at a time and by its allowance in
    all, and nobody else. When the server stops, nobody is held.
6.  At most `MOST_PENDING` updates may be waiting to be routed, parked or not. One more raises `MailboxFullError`
    where it is sent; nothing is dropped. Calls of back-ends wait long before that.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from cometary.errors import MailboxFullError
from cometary.sessions.rounds import GoOn, Rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef
    from cometary.sessions.keeper import SessionKeeper

PATIENCE: Final = 10.0
"""Seconds."""

MOST_PENDING: Final = 100_000

MANY: Final = 1_000
"""Packets that wait for the dispatcher, or for one session's turn, beyond which back-ends' calls wait."""

MANY_PARKED: Final = 10_000
"""Updates that are parked, beyond which they do."""

CAUSE: ContextVar[SessionKeeper | None] = ContextVar("cometary.cause", default=None)
"""The session whose client's packet is being handled; tasks and threads that the handler starts have it, too."""


class Reroute:
    """To the dispatcher: a new turn has begun, and some of what is parked may go on."""


def never() -> bool:
    """Whether more has come than could be read, where nobody reads."""
    return False


class Flow:
    """Who is behind, and who is held for whom. All of it runs on the loop's thread.

    Attributes:
        behind: the sessions that are behind, each with those that are held for it.
        parked: how many updates are parked.
        pressed: tells whether more has come than could be read in a turn; set by the reader.
        rerouting: whether a `Reroute` is in the dispatcher's mailbox, or is going to be at the next batch.
        routed: how many updates have been routed.
        rounds: when whose packets are handed over.
    """

    __slots__ = ("_later", "_mailbox", "behind", "parked", "pressed", "rerouting", "rounds", "routed")

    def __init__(self) -> None:
        self.rounds = Rounds()
        self.behind: dict[ActorRef[Any], dict[SessionKeeper, None]] = {}
        self.parked = 0
        self.pressed: Callable[[], bool] = never
        self.rerouting = self._later = False
        self.routed: int = 0
        self._mailbox: Any = None

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Go by the mailbox of `dispatcher` from now on."""
        self._mailbox = dispatcher.actor_inbox
        self.rounds.attach(dispatcher)
        self.rerouting = self._later = False  # its mail may have been thrown away
        self.reroute()

    def reroute(self) -> None:
        """Have the dispatcher begin another turn, unless it is about to."""
        if self._mailbox is not None and not self.rerouting:
            self.rerouting = True  # two in one turn would be one turn in which too much is routed
            self._mailbox.put_if_open(Reroute())

    def reroute_later(self) -> None:
        """Have the dispatcher begin another turn in the next batch of the scheduler, before which sockets are read."""
        mailbox = self._mailbox
        if mailbox is not None and not self.rerouting:
            self.rerouting = self._later = True
            # Not by a timer: where turns take long, it would wait until all that has come has been read.
            mailbox.system.scheduler.at_next_batch(self._reroute_now)

    def _reroute_now(self) -> None:
        if self._later:  # else there is another dispatcher, which began by looking
            self._later = False
            self._mailbox.put_if_open(Reroute())

    @property
    def pending(self) -> int:
        """How many updates have not been routed yet."""
        return self.parked + (0 if self._mailbox is None else len(self._mailbox))

    @property
    def crowded(self) -> bool:
        """Whether calls of back-ends that send are to wait."""
        return self.parked >= MANY_PARKED or (self._mailbox is not None and len(self._mailbox) >= MANY)

    def check(self) -> None:
        """See whether one more update may be sent; from any thread.

        Raises:
            MailboxFullError: if too many have not been routed yet; nobody's fault, try later.
        """
        mailbox = self._mailbox  # as in `pending`, of which a call here would be felt
        if self.parked + (0 if mailbox is None else len(mailbox)) >= MOST_PENDING:
            raise MailboxFullError(f"{MOST_PENDING} updates have not been routed yet")

    # -- who is behind ------------------------------------------------------------------------

    def fall_behind(self, ref: ActorRef[Any]) -> None:
        """Take note that a session is behind."""
        self.behind.setdefault(ref, {})

    def catch_up(self, ref: ActorRef[Any]) -> None:
        """Take note that a session is behind no more, for whatever reason; it may not have been."""
        held = self.behind.pop(ref, None)
        if held is None:
            return
        for keeper in held:
            self.release(keeper)
        if self.parked:
            self.reroute()

    # -- who is held --------------------------------------------------------------------------

    def hold_for(self, keeper: SessionKeeper, ref: ActorRef[Any]) -> None:
        """Hold `keeper` until the session of `ref`, which is behind, is so no more."""
        held = self.behind.get(ref)
        if held is not None and keeper not in held:
            held[keeper] = None
            keeper.holds += 1

    def release(self, keeper: SessionKeeper) -> None:
        """Take back one reason to hold `keeper`."""
        keeper.holds -= 1
        if not keeper.holds:
            keeper.tell(GoOn(0))
