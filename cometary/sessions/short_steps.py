"""The commonest steps of a session's machine, made without its table: nearly every delivery consists of these.

1.  There are these. A packet meets a held request, which is answered with it, or a stream, to which it is written; or
    it waits, as there is nothing that would take it. A poll is held, or answered with what waits; when it has been held
    for as long as it may, it is answered with nothing. The packets of a request are handed over, and then it is held,
    in the place of an older one, or answered with what waits; or, if it is a send, answered at once. A sign of life on
    a stream acknowledges something.
2.  A short step is made only where there is nothing else to think of: no early request, no stream that would have to
    be released, no queue that is full, nobody behind, nobody who watches the machine. Whatever is special takes the
    machine's own step; a short step that is not made has changed nothing.
3.  It does all that the machine's step does, and what that asks for: the same state, the same answers, the same timer
    in the same order. The tests hold each to the table in every state that they reach.
4.  They are here for speed alone: all would work without them.
5.  They are a shortcut of the actor's (`ShortSteps`). Those in which a handler of the application is called are made in
    its own turn alone; what the handler sends takes the shortcut, too.
6.  A token tells a timer that has run out from one that has been started since. So the one that still runs keeps its
    token: nothing of it can be on its way. Then nearly all sessions start theirs under the same few tokens, and a start
    is a value that they share.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - what is the engine's is set here as the engine sets it
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from cometary.actors.shortcut import Shortcut
from cometary.fsm import StartTimer, State
from cometary.fsm.engine import keep_timer
from cometary.packets.packet import Packet
from cometary.sessions.carriers import HOLD_OR_DIE, CarrierMachine
from cometary.sessions.effects import Performer, advance
from cometary.sessions.events import Full, Heard, Ready, Request
from cometary.sessions.handover import Caller, Handover
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.machine_data import MachineData

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cometary.actors.timers import Timer
    from cometary.sessions.events import Stream

WAITING: Final = CarrierMachine.waiting
HAVE_REQUEST: Final = CarrierMachine.have_request
HAVE_PACKET: Final = CarrierMachine.have_packet

MOST_TIMES: Final = 64
MOST_TOKENS: Final = 256


class Starts:
    """The starts that were made with the same seconds, by token.

    Args:
        seconds: for how long the timer is started.
    """

    __slots__ = ("made", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self.made: list[tuple[StartTimer, ...]] = []


STARTS: Final[list[Starts]] = []
"""All of them. They are few, so to compare is less than to make an object of the seconds and look that up."""


class TakesIn(Protocol):
    """Who hands packets over; see `Performer.take_in`."""

    def take_in(self, ready: Ready, /) -> None:
        """Hand the packets of `ready.request` to the application, then have the machine take `ready`."""
        ...


class Shell(Performer, Caller, Protocol):
    """What the session's actor is to its shortcut."""


class ShortSteps(Shortcut):
    """The shortcut of a session's actor, and for its handlers who calls them.

    Args:
        shell: the actor.
        keeper: the session.
        handover: hands over what is due, for this incarnation.
    """

    __slots__ = ("_handover", "_keeper", "_shell")

    def __init__(self, shell: Shell, keeper: SessionKeeper, handover: Handover) -> None:
        self._shell = shell
        self._keeper = keeper
        self._handover = handover

    def take(self, message: object) -> bool:
        """Make the short step for a packet, or for a request without packets; see `receive`."""
        keeper = self._keeper
        if keeper.ended is not None:
            return False
        if type(message) is Packet:  # as in `receive`, without a call
            return take(self._shell, keeper, message)
        if isinstance(message, Request):
            return not message.packets and poll(keeper, message)
        return receive(self._shell, keeper, message)

    def take_in_turn(self, message: object) -> bool:
        """Make any short step."""
        if isinstance(message, Request) and message.packets and self._keeper.ended is None:
            return let_in(self, self._keeper, message)
        return self.take(message)

    def take_in(self, ready: Ready) -> None:
        """Do as `SessionActor.take_in`."""
        keeper, request = self._keeper, ready.request
        try:
            self._handover.take_in(self, request)
        finally:
            if not (meet(keeper, ready) or advance(self._shell, keeper, ready)):
                request.refuse(keeper.over())

    # -- as `Caller`: the actor's, but for the commonest

    def push(self, packet: Packet) -> None:
        """Send the session a packet in the actor's own turn."""
        if not receive(self._shell, self._keeper, packet):
            self._shell.push(packet)

    def await_handler(self, outcome: Awaitable[object], item: Any) -> None:
        """Await what an async handler has returned."""
        self._shell.await_handler(outcome, item)

    def tell_itself(self, message: object) -> None:
        """Have the actor handle `message`, unless it has ended for good."""
        self._shell.tell_itself(message)

    def stop(self) -> None:
        """Stop the actor."""
        self._shell.stop()


def receive(performer: Performer, keeper: SessionKeeper, message: object) -> bool:
    """Make the short step for a message to a session's actor, if there is one.

    Returns:
        Whether it was made.
    """
    if keeper.ended is not None:
        return False
    if type(message) is Packet:
        return take(performer, keeper, message)
    if isinstance(message, Request):
        return let_in(performer, keeper, message) if message.packets else poll(keeper, message)
    if type(message) is Heard:
        return hear(keeper, message)
    return type(message) is StartTimer and let_go(keeper, message)


def take(performer: Performer, keeper: SessionKeeper, packet: Packet) -> bool:
    """Take a packet; see `SessionMachine.answer_with`, `queue_first` and `queue_another`."""
    machine: MachineData = keeper.machine
    held, outbox = machine.held, machine.outbox
    if machine._fsm_extra is not None or not outbox.append(packet):
        return False
    if held is not None:
        machine.held = None
        answer(keeper, machine, held, WAITING)
    elif machine.state is not HAVE_REQUEST:
        machine.state = HAVE_PACKET
    else:
        stream = cast("Stream", machine.stream)
        if not stream.write(outbox.send_last(stream), (packet,)):
            advance(performer, keeper, Full(stream))
    return True


def answer(keeper: SessionKeeper, machine: MachineData, request: Request, behind: State) -> None:
    """Answer a request with what goes into one answer; `behind` is the state if that is not all that waits."""
    outbox = machine.outbox
    first_seq, packets = outbox.batch(machine.most_bytes, 0 if outbox.resends else outbox.sent)
    machine.state = behind if outbox.unsent else WAITING
    try:
        request.answer(first_seq, packets)
    finally:  # as when it is asked for behind an answer
        start_timer(keeper, machine, machine.policy.die)


def poll(keeper: SessionKeeper, request: Request) -> bool:
    """Hold a request without packets, or answer it with what waits; see `SessionMachine.check`."""
    machine: MachineData = keeper.machine
    window, outbox = machine.window, machine.outbox
    if request.rid != window.expected or machine._fsm_extra is not None or window.has_early:
        return False
    if request.close or not request.holds or machine.held is not None or machine.stream is not None:
        return False
    if keeper.lag or not outbox.acknowledged <= request.ack <= outbox.sent:
        return False
    waits = outbox.acknowledged + len(outbox.packets) > outbox.sent  # `unsent`, without a call
    if not waits and request.ack != outbox.sent:  # its client lacks something that was sent
        return False
    if request.ack == outbox.acknowledged and (refusal := machine.arbiter.idle_refusal()) is not None:
        request.refuse(refusal)  # it brings nothing, and neither did many before it
        return True
    outbox.acknowledge(request.ack)
    window.expected += 1
    if waits:
        answer(keeper, machine, request, HAVE_PACKET)
    else:
        machine.held = request
        machine.state = HAVE_REQUEST
        start_timer(keeper, machine, machine.wait)
    return True


def hear(keeper: SessionKeeper, sign: Heard) -> bool:
    """Take a sign of life on a stream that acknowledges something new; see `CarrierMachine.carrier_is_heard`."""
    machine: MachineData = keeper.machine
    outbox = machine.outbox
    if machine._fsm_extra is not None or keeper.lag or not outbox.acknowledged < sign.ack <= outbox.sent:
        return False
    outbox.acknowledge(sign.ack)
    sign.stream.heard = True
    return True


def let_go(keeper: SessionKeeper, timer: StartTimer) -> bool:
    """Answer a request that was held for as long as it may be, with nothing; see `SessionMachine.hold_runs_out`."""
    machine: MachineData = keeper.machine
    held = machine.held
    if held is None or machine._fsm_extra is not None or machine._fsm_timers != (timer,):
        return False
    machine.held = None
    machine.state = WAITING
    try:
        held.answer(0, ())
    finally:
        start_timer(keeper, machine, machine.policy.die)
    return True


def let_in(performer: TakesIn, keeper: SessionKeeper, request: Request) -> bool:
    """Take a request with packets, and have these handed over; see `SessionMachine.check`."""
    machine: MachineData = keeper.machine
    window = machine.window
    outbox = machine.outbox
    if request.rid != window.expected or machine._fsm_extra is not None:
        return False
    if keeper.lag or request.ack > outbox.sent:
        return False
    if machine.arbiter.refusal(request) is not None:  # this has changed nothing, and will be said again
        return False
    outbox.acknowledge(request.ack)
    window.expected += 1
    performer.take_in(Ready(request, behind=bool(outbox.packets)))
    return True


def meet(keeper: SessionKeeper, ready: Ready) -> bool:
    """Let a request whose packets have been handed over meet what is queued; see `SessionMachine.hold_instead`."""
    machine: MachineData = keeper.machine
    request, stream, older = ready.request, machine.stream, machine.held
    if machine._fsm_extra is not None or machine.window.has_early or request.close:
        return False
    if not request.holds:
        if stream is not None:
            stream.heard = True
        request.answer(0, ())
    elif stream is not None:
        return False
    elif older is None and machine.outbox.unsent:
        answer(keeper, machine, request, HAVE_PACKET)
    elif ready.behind or machine.policy.second_request != "releases":
        return False
    else:
        machine.held = request
        machine.state = HAVE_REQUEST
        try:
            if older is not None:
                older.answer(0, ())
        finally:
            start_timer(keeper, machine, machine.wait)
    return True


def start_timer(keeper: SessionKeeper, machine: MachineData, seconds: float) -> None:
    """Restart the session's one timer, which has run since the session began; see rule 6."""
    timer = cast("Timer", keeper.hold_or_die)
    if timer.running:
        token = cast("StartTimer", timer.message).token
    else:
        machine._fsm_token = token = machine._fsm_token + 1
    started = start_of(seconds, token)
    if len(machine._fsm_timers) == 1:  # it is this one
        machine._fsm_timers = started
    else:
        keep_timer(machine, started[0])
    timer.message = started[0]
    timer.start(seconds)


def start_of(seconds: float, token: int) -> tuple[StartTimer, ...]:
    """Return a start of the session's one timer, as the machine keeps it: one object for all sessions, while few."""
    for starts in STARTS:
        if starts.seconds == seconds:
            made = starts.made
            return made[token] if token < len(made) else start_more(starts, token)
    if len(STARTS) >= MOST_TIMES:
        STARTS.clear()  # clients choose how long their requests are held
    starts = Starts(seconds)
    STARTS.append(starts)
    return start_more(starts, token)


def start_more(starts: Starts, token: int) -> tuple[StartTimer, ...]:
    """Return one that was not made yet, and keep it if there are to be others like it."""
    made = starts.made
    while len(made) <= token < MOST_TOKENS:
        made.append((StartTimer(HOLD_OR_DIE, starts.seconds, None, None, len(made)),))
    return made[token] if token < len(made) else (StartTimer(HOLD_OR_DIE, starts.seconds, None, None, token),)
