"""The keeper: everything of a session that must survive the crash of its actor.

The actor that runs a session also runs the application's handlers for it, so it may crash. The
keeper stands beside it and holds the machine with its outbox and its held request, the
application's data, and what is still to be handed to the application. The next incarnation
takes the keeper up where the last one left it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.actors import NORMAL, Timer
from cometary.actors.mailbox import CLOSED, RUNNING, Receiving
from cometary.packets.packet import Packet
from cometary.sessions.admission import user_of
from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.sessions.events import Attach, End, RequestDropped, session_ended
from cometary.sessions.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.actors import ActorRef, ActorSystem
    from cometary.errors import ProtocolError
    from cometary.sessions.actor import SessionActor
    from cometary.sessions.allowance import Allowance
    from cometary.sessions.bucket import Bucket
    from cometary.sessions.events import Request, Stream
    from cometary.sessions.failure import Failure
    from cometary.sessions.handover import Caller
    from cometary.sessions.handshake import Handshake
    from cometary.sessions.lease import Lease
    from cometary.sessions.machine import SessionMachine
    from cometary.sessions.recorder import Recorder


MOVED: Final = "moved"
"""What `ended` is where a session was that goes on elsewhere."""

POLLING: Final = "polling"
"""The wire of a session that no stream carries."""

UP_TO_DATE: Final = 0
BEHIND: Final = 1
TOO_SLOW: Final = 2
"""What `lag` may be."""


class SignedOn(NamedTuple):
    """To be handed to the application: the session has opened."""


SIGNED_ON: Final = SignedOn()


class Recovered(NamedTuple):
    """To be handed to the application: the session, which is recorded, goes on here."""


class SignedOff(NamedTuple):
    """To be handed to the application: the session has ended."""

    reason: str
    undelivered: list[Packet]
    """Filled when it is handed over."""


Call = SignedOn | Recovered | Packet | SignedOff
"""What the application is called with, other than for a failure."""


class SessionKeeper:
    """The lasting part of one session.

    Args:
        sid: the secret session id.
        name: the public name.
        machine: the session's machine.
        opened: when the session was opened: a Trio clock reading in seconds.
    """

    __slots__ = (
        "_cell",
        "_data",
        "_late",
        "_other_timers",
        "_ref",
        "_release_second",
        "_releases",
        "_todo",
        "_todo_bytes",
        "allowance",
        "begun",
        "bucket",
        "ended",
        "forward",
        "handshake",
        "hold_or_die",
        "holds",
        "lag",
        "last_rid",
        "lease",
        "machine",
        "name",
        "opened",
        "received",
        "recorder",
        "retry_after",
        "serving",
        "settled",
        "sid",
        "sign_off",
        "started",
        "waits",
    )

    def __init__(  # noqa: PLR0915 - one for each field
        self, sid: str, name: str, machine: SessionMachine, opened: float
    ) -> None:
        self.sid = sid
        self.name = name
        self.machine = machine
        self.opened = opened
        self._ref: Any = None
        self._cell: Receiving | None = (
            None  # that of the reference, which is Python, so that it takes long to ask
        )
        self.received = 0
        """Packets of the client's that were taken in."""
        self.started = False
        """Whether the machine runs and the sign-on has been handed over."""
        self.ended: str | None = None
        """Why the session ended, once it has."""
        self.retry_after: int | None = None
        """Seconds after which its client is to open another, if it has ended and that is known."""
        self.last_rid: int | None = None
        """The id of the last request that was processed, once the session has ended."""
        self.sign_off: SignedOff | None = None
        """What the application is told of the end, once that is queued."""
        self.settled = False
        """Whether it is known for good what was undelivered."""
        self.serving: Caller | None = None
        """The actor, while it is calling a handler of this session."""
        self.begun: Call | Failure | None = None
        """What the application was called with whose async handler has not returned."""
        self.forward: Callable[[object], None] | None = None
        """Takes what is sent to the session since it has moved, if it has."""
        self.recorder: Recorder | None = None
        """What records it, if anything does."""
        self.lease: Lease | None = None
        """On what the client was let in, if somebody was asked."""
        self.handshake: Handshake | None = None
        """What its client showed of itself when it connected, on a wire whose applications may see that."""
        self.hold_or_die: Timer | None = None
        """The timer that a session always has, once its machine has asked for it."""
        self.bucket: Bucket | None = None
        """What counts the packets that the client sends, once it has sent some."""
        self.allowance: Allowance | None = None
        """For how long others wait for its client, once they have had to."""
        self.lag: int = UP_TO_DATE
        """Whether its client reads more slowly than others send; see `flow`."""
        self.holds = 0
        """For how many reasons no packet of its client is handed over; see `flow`."""
        self.waits = False
        """Whether it waits in line to hand over more; see `rounds`."""
        self._other_timers: dict[str, Timer] | None = None
        self._data: dict[str, Any] | None = None
        self._late: Outbox | None = None
        self._todo: deque[tuple[Call | Failure, int]] | None = None
        self._todo_bytes = 0
        self._release_second = 0
        self._releases = 0

    # -- its actor, which nobody else has to reach through ------------------------------------

    @property
    def ref(self) -> ActorRef[SessionActor]:
        """The reference to its actor; set when there is one, and again when there is another."""
        ref: ActorRef[SessionActor] = self._ref
        return ref

    @ref.setter
    def ref(self, ref: ActorRef[SessionActor]) -> None:
        self._ref = ref
        self._cell = None

    @property
    def cell(self) -> Receiving:
        """The cell of its actor."""
        cell = self._cell
        if cell is None:
            cell = self._cell = self._ref.actor_inbox
        return cell

    def submit(self, request: Request) -> None:
        """Have a request of its client processed in its turn.

        Raises:
            ActorEndedError: its actor has ended for good; nobody's fault.
        """
        cell = self.cell
        if request.packets:
            cell.put(request)
        else:
            cell.hand(request)

    def attach(self, stream: Stream, ack: int) -> None:
        """Have `stream` carry what its client lacks, which has all packets up to `ack`.

        Raises:
            ActorEndedError: its actor has ended for good; nobody's fault.
        """
        stream.sid = self.sid
        self.cell.put(Attach(stream, ack))
        stream.admitted()

    def drop(self, request: Request) -> bool:
        """Take note that nobody is there to be answered any more.

        Returns:
            Whether `request` is the one that is held, and so will not be answered.
        """
        self.cell.put_if_open(RequestDropped(request))
        return self.machine.held is request

    def hurry(self, request: Request) -> None:
        """Have `request` answered now, as if its time had run out, if it is the one that is held."""
        if self.machine.held is request and self.hold_or_die is not None:
            self.hold_or_die.start(0.0)

    def end(self, reason: str) -> None:
        """Have it end for one of protocol.md's reasons, behind all that its actor was told before."""
        self.cell.put_if_open(End(reason))

    def tell(self, message: object) -> None:
        """Tell its actor something, unless that has ended."""
        self.cell.put_if_open(message)

    def tell_at_once(self, message: object) -> None:
        """Do as `tell`, and have it handled at once if nothing is in the way of that."""
        cell = self.cell
        if cell.state:
            cell.put_if_open(message)
        else:
            cell.hand(message)

    def take(self, message: object) -> bool:
        """Tell its actor something; returns whether it could, since that has not ended for good."""
        cell = self.cell
        if cell.state == CLOSED:
            return False
        if self.recorder is not None and isinstance(message, Packet):
            message = self.recorder.sent(message)
        cell.put(message)
        return True

    def hand(self, message: object) -> bool:
        """Do as `take`, and have it handled at once if nothing is in the way of that."""
        cell = self.cell
        if cell.state == CLOSED:
            return False
        if self.recorder is not None and isinstance(message, Packet):
            message = self.recorder.sent(message)
        cell.hand(message)
        return True

    @property
    def has_turn(self) -> bool:
        """Whether this is called in the turn of its actor."""
        return self.cell.state == RUNNING

    def leave(self) -> None:
        """Have its actor end without a word: the session goes on elsewhere."""
        for timer in self.timers.values():
            timer.close()
        self.ref.actor_inbox.kill(NORMAL)

    @property
    def mail(self) -> int:
        """How many messages wait for its actor."""
        cell = self.cell
        return len(cell) if cell.state else 0  # IDLE: it has none

    @property
    def system(self) -> ActorSystem:
        """The system that its actor lives in."""
        return self.cell.system

    def now(self) -> float:
        """Return the time, in seconds of the clock of timers."""
        return self.system.scheduler.now()

    def over(self) -> ProtocolError:
        """Return the error for what comes when the session has ended."""
        return session_ended(self.ended or "", self.retry_after, self.last_rid)

    # -- its timers, which outlive the actor -------------------------------------------------

    @property
    def timers(self) -> dict[str, Timer]:
        """All that there are so far, by name: the machine's, those of the lease, and others."""
        timers = dict(self._other_timers or {})
        if self.hold_or_die is not None:
            timers[HOLD_OR_DIE] = self.hold_or_die
        return timers

    def timer(self, name: str) -> Timer | None:
        """Return the timer `name`, if there is one."""
        if name == HOLD_OR_DIE:
            return self.hold_or_die
        return None if self._other_timers is None else self._other_timers.get(name)

    def new_timer(self, name: str, message: object = None) -> Timer:
        """Make the timer `name`, which tells its actor `message`, whichever incarnation that is."""
        cell = self.cell
        timer = Timer(cell.system.scheduler.timers, cell, message)
        self.keep_timer(name, timer)
        return timer

    def keep_timer(self, name: str, timer: Timer) -> None:
        """Keep a timer that was made for this session."""
        if name == HOLD_OR_DIE:
            self.hold_or_die = timer
        elif self._other_timers is None:
            self._other_timers = {name: timer}
        else:
            self._other_timers[name] = timer

    @property
    def wire(self) -> str:
        """What carries it now: `polling`, or what its stream is."""
        stream = self.machine.stream
        return POLLING if stream is None else stream.wire

    @property
    def user(self) -> str | int | None:
        """Whose session it is, as far as the application has said so in its data."""
        return None if self._data is None else user_of(self._data)

    # Most sessions of a quiet server never fill these, so they are made when first used.

    @property
    def data(self) -> dict[str, Any]:
        """The application's own notes about this session."""
        if self._data is None:
            self._data = {}
        return self._data

    def count_release(self, now: float) -> int:
        """Count one more release; returns how many there were in this second."""
        second = int(now)
        if second != self._release_second:
            self._release_second = second
            self._releases = 0
        self._releases += 1
        return self._releases

    # -- what the application has not handled yet ----------------------------------------

    @property
    def unhandled(self) -> int:
        """How much the application has not been given yet."""
        return len(self._todo) if self._todo else 0

    def has_room(self, request: Request, most_packets: int, most_bytes: int) -> bool:
        """Whether the packets of `request` may wait for the application as well: so many in all, of so many bytes."""
        if self.unhandled + len(request.packets) > most_packets:
            return False
        return not self._todo or self._todo_bytes + request.size <= most_bytes

    @property
    def next_is_packet(self) -> bool:
        """Whether what the application gets next is a packet of the client."""
        return isinstance(self._todo[0][0], Packet) if self._todo else False

    @property
    def next_size(self) -> int:
        """Bytes that what comes next counts with."""
        return self._todo[0][1] if self._todo else 0

    def todo(self) -> Sequence[tuple[Call | Failure, int]]:
        """Return all that the application has not been given yet, each with the bytes that it counts with."""
        return list(self._todo) if self._todo else ()

    def queue(self, *items: Call | Failure, size: int = 0) -> None:
        """Have these, of `size` bytes, handed to the application after all that was queued before."""
        if self._todo is None:
            self._todo = deque()
        last = items[-1]
        if len(items) > 1:
            self._todo.extend([(item, 0) for item in items[:-1]])
        self._todo.append((last, size))  # so the bytes of a request count until all of it is handled
        self._todo_bytes += size

    def report(self, failure: Failure) -> None:
        """Have `failure` handed to the application before all else: it comes right after the call that failed."""
        if self._todo is None:
            self._todo = deque()
        self._todo.appendleft((failure, 0))

    def next_unhandled(self) -> Call | Failure | None:
        """Take what the application gets next out of the queue.

        It is out before it is handed over: what crashes the actor is not handed over again.
        """
        if not self._todo:
            return None
        item, size = self._todo.popleft()
        self._todo_bytes -= size
        if not self._todo:
            self._todo = None
        return item

    def forget_packets(self) -> None:
        """Drop the client's packets that the application has not been given yet, but nothing else."""
        kept = [(item, 0) for item, _ in self._todo or () if not isinstance(item, Packet)]
        self._todo = deque(kept) if kept else None
        self._todo_bytes = 0

    # -- what is sent after the end -------------------------------------------------------------

    def take_late(self, packet: Packet) -> bool:
        """Take a packet that was sent after the end, until it may come behind the mail from before.

        Returns:
            Whether there was room: for twice what the session may queue.
        """
        if self._late is None:
            outbox = self.machine.outbox
            self._late = Outbox(outbox.max_packets, outbox.max_bytes)
        return self._late.add_undelivered(packet)

    def list_late(self) -> None:
        """Put these packets behind all that is undelivered: what was sent before them has come."""
        late, self._late = self._late, None
        if late is not None:
            for packet in late.packets:
                self.machine.outbox.keep(packet)
