"""The commonest steps of a session's machine, made without its table: nearly every delivery consists of these.

1.  There are three. A packet meets a held request, which is answered with it. A poll brings nothing but an
    acknowledgement of all that was sent, and is held. The packets of a request have been handed over, and it is held,
    in the place of an older one.
2.  A short step is made only where there is nothing else to think of: no stream, no early request, nothing that waits,
    nobody behind, nobody who watches the machine. Whatever is special takes the machine's own step; a short step that
    is not made has changed nothing.
3.  It does all that the machine's step does, and what that asks for: the same state, the same answers, the same timer
    under the same token, in the same order. The tests hold each to the table in every state that they reach.
4.  They are here for speed alone: all would work without them.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - what is the engine's is set here as the engine sets it
from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cometary.fsm import StartTimer
from cometary.fsm.engine import keep_timer
from cometary.packets.packet import Packet
from cometary.sessions.carriers import HOLD_OR_DIE, CarrierMachine
from cometary.sessions.events import Ready, Request
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.machine_data import MachineData

if TYPE_CHECKING:
    from cometary.actors.timers import Timer
    from cometary.sessions.effects import Performer

WAITING: Final = CarrierMachine.waiting
HAVE_REQUEST: Final = CarrierMachine.have_request


def receive(performer: Performer, keeper: SessionKeeper, message: object) -> bool:
    """Make the short step for a message to a session's actor, if there is one.

    Returns:
        Whether it was made.
    """
    if keeper.ended is not None:
        return False
    if type(message) is Packet:
        return answer(keeper, message)
    if isinstance(message, Request):
        return let_in(performer, keeper, message) if message.packets else hold(keeper, message)
    return False


def answer(keeper: SessionKeeper, packet: Packet) -> bool:
    """Answer the held request with a packet; see `SessionMachine.answer_with`."""
    machine: MachineData = keeper.machine
    held, outbox = machine.held, machine.outbox
    if held is None or machine._fsm_extra is not None:
        return False
    if not outbox.append(packet):
        return False
    first_seq, packets = outbox.batch(machine.most_bytes, 0 if outbox.resends else outbox.sent)
    machine.held = None
    machine.state = WAITING
    try:
        held.answer(first_seq, packets)
    finally:  # as when it is asked for behind an answer
        start_timer(keeper, machine, machine.policy.die)
    return True


def hold(keeper: SessionKeeper, poll: Request) -> bool:
    """Hold a request without packets, of a client that lacks none; see `SessionMachine.check`."""
    machine: MachineData = keeper.machine
    window = machine.window
    if machine.state is not WAITING or poll.rid != window.expected or not is_plain(machine, poll):
        return False
    outbox = machine.outbox
    if keeper.lag or poll.ack != outbox.sent or not outbox.packets:
        return False  # its client is waited for, or lacks something, or the poll brings nothing
    outbox.acknowledge(poll.ack)
    window.expected += 1
    machine.held = poll
    machine.state = HAVE_REQUEST
    start_timer(keeper, machine, machine.wait)
    return True


def let_in(performer: Performer, keeper: SessionKeeper, request: Request) -> bool:
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
    """Hold a request whose packets have been handed over, for an older one; see `SessionMachine.hold_instead`."""
    machine: MachineData = keeper.machine
    request = ready.request
    if ready.behind or not is_plain(machine, request):
        return False
    older = machine.held
    if machine.policy.second_request != "releases" or (older is None and machine.state is not WAITING):
        return False
    machine.held = request
    machine.state = HAVE_REQUEST
    try:
        if older is not None:
            older.answer(0, ())
    finally:
        start_timer(keeper, machine, machine.wait)
    return True


def is_plain(machine: MachineData, request: Request) -> bool:
    """Whether a request is to be held, and there is neither a stream nor an early request, nor somebody who watches."""
    return (
        machine._fsm_extra is None
        and machine.stream is None
        and not machine.window.has_early
        and not request.close
        and request.holds
    )


def start_timer(keeper: SessionKeeper, machine: MachineData, seconds: float) -> None:
    """Start the session's one timer anew, which has run ever since the session began."""
    machine._fsm_token = token = machine._fsm_token + 1
    action = StartTimer(HOLD_OR_DIE, seconds, None, None, token)
    if len(machine._fsm_timers) == 1:  # it is this one
        machine._fsm_timers = (action,)
    else:
        keep_timer(machine, action)
    timer = cast("Timer", keeper.hold_or_die)
    timer.message = action
    timer.start(seconds)
