"""The machine of one session: where a request meets a packet.

1.  What a carrier is, when another one is released, and how long anybody waits, is set out in
    `cometary.sessions.carriers`.
2.  A request that comes and does not acknowledge all that was sent is answered at once, so while one is held the
    outbox has only what was sent since that one came.
3.  The packets of a request are handed over before an older one is released: what the application answers at once still
    goes out with that. A send, which does not want to be held, leaves the carrier alone.
4.  New requests are processed in the order of their ids; an early one waits for those before
    it. A retry hands nothing over again, but is answered like any request.
5.  An error changes nothing: it is found before the window or the outbox moves. A request that has been checked, and
    whose packets have been handed over, is `Ready`: only then does it matter in which state the session is.
6.  When the session ends, every request that waits gets `session-ended`, and what was never acknowledged stays in the
    outbox for the application, including the packet that was too much.
7.  A tracked packet may be dropped, or expire, as long as it was not sent. If nothing else waited, the state stays
    `have_packet` until the next request, which is then held: the die timer goes on, so packets that come and expire
    do not keep a session without a client.
8.  Two things only the shell can know, and it is asked for them (`Arbiter`): whether the packets of a request may be
    let in, in the turn in which it is processed, and whether a client whose queue is full still reads, so that there
    is room for as much again.

Pure: time and requests come in as events, answers and timers go out as actions.
"""

from __future__ import annotations

from typing import Final

from cometary.errors import ProtocolError
from cometary.fsm import ANY, END, Cancel, NextEvent, Step, TimedOut, Timeout, goto, on, repeat, stay, timeout
from cometary.packets.packet import Packet
from cometary.sessions.carriers import HOLD_OR_DIE, CarrierMachine
from cometary.sessions.events import (
    Answer,
    Arrival,
    ExpireAt,
    Expiry,
    HandOver,
    Ready,
    Refuse,
    Request,
    RequestDropped,
    Write,
    session_ended,
)
from cometary.sessions.outbox import Outbox

__all__ = ["EARLY", "HOLD_OR_DIE", "SessionMachine"]

EARLY: Final = "early"

WAITING: Final = CarrierMachine.waiting
HAVE_REQUEST: Final = CarrierMachine.have_request
HAVE_PACKET: Final = CarrierMachine.have_packet


class SessionMachine(CarrierMachine):
    """One session, without its connections; for the arguments see `CarrierMachine`."""

    __slots__ = ()

    # -- packets for the client ---------------------------------------------------------

    @on(WAITING, Packet, to=(HAVE_PACKET, END))
    def queue_first(self, packet: Packet) -> Step:
        """Queue it."""
        return (
            goto(HAVE_PACKET)
            if self.outbox.append(packet) or self._append_beyond(packet)
            else self._overflow(packet)
        )

    @on(HAVE_PACKET, Packet, to=END)
    def queue_another(self, packet: Packet) -> Step | None:
        """Queue it."""
        return None if self.outbox.append(packet) or self._append_beyond(packet) else self._overflow(packet)

    @on(HAVE_REQUEST, Packet, to=(WAITING, END))
    def answer_with(self, packet: Packet) -> Step:
        """Answer the held request with it, or write it to the stream."""
        if not (self.outbox.append(packet) or self._append_beyond(packet)):
            return self._overflow(packet)
        stream = self.stream
        if stream is not None:
            return stay(Write(stream, self.outbox.send_last(stream), (packet,)))
        return goto(WAITING, self.outbox.answer(self._let_go_of_held(), self.most_bytes))

    def _overflow(self, packet: Packet) -> Step:
        self.outbox.keep(packet)  # room or not: it may have been stretched
        return self._end("overflow")

    def _append_beyond(self, packet: Packet) -> bool:
        """Take a packet for which there is no room, into a stretched outbox, if it may be (rule 8)."""
        return self._stretched() and self.outbox.append(packet)

    def _stretched(self) -> bool:
        outbox = self.outbox
        if outbox.max_packets > outbox.limit_packets or not self.arbiter.may_fall_behind():
            return False
        outbox.stretch()
        return True

    @on((WAITING, HAVE_PACKET), Arrival, to=(HAVE_PACKET, END))
    def queue_by_contract(self, event: Arrival) -> Step | None:
        """Queue it, or drop it or others as its contract says."""
        if not self._admit(event):
            return self._overflow(event.packet)
        return goto(HAVE_PACKET, *expiries(self.outbox)) if self.outbox.unsent else None

    @on(HAVE_REQUEST, Arrival, to=(WAITING, END))
    def answer_by_contract(self, event: Arrival) -> Step | None:
        """Let the carrier have it, if there is room for it at all."""
        if not self._admit(event):
            return self._overflow(event.packet)
        if not self.outbox.unsent:
            return None
        if self.stream is not None:
            return stay(self._next_write(self.stream))
        return goto(WAITING, self.outbox.answer(self._let_go_of_held(), self.most_bytes))

    def _admit(self, event: Arrival) -> bool:
        if self.outbox.admit(event.packet, event.now, event.settle):
            return True
        keeps = event.packet.contract.when_full != "close"  # which has a limit of its own
        return keeps and self._stretched() and self.outbox.admit(event.packet, event.now, event.settle)

    @on(ANY, Expiry)
    def packets_expire(self, event: Expiry) -> Step | None:
        """Let go of the packets whose time to live has passed."""
        self.outbox.expire(event.now)
        return stay(*expiries(self.outbox))

    # -- requests of the client: checked, and ready (rule 5) ------------------------------

    @on(ANY, Request, to=(WAITING, HAVE_REQUEST, HAVE_PACKET, END))
    def check(self, request: Request) -> Step:  # noqa: PLR0911 - in one piece: this is half of every delivery
        """Check it; hand its packets over if it has any, else it is ready at once."""
        expected = request.rid == self.window.expected
        if not expected and not self.window.seen(request.rid):
            return self._out_of_order(request)
        if expected and request.packets:
            refusal = self.arbiter.refusal(request)
            if refusal is not None:
                return stay(Refuse(request, refusal))
        try:
            self.outbox.acknowledge(request.ack)
        except ProtocolError as error:
            return stay(Refuse(request, error))
        behind = bool(self.outbox.packets)
        if expected:
            self.window.expected += 1
            if request.packets:
                return stay(HandOver(Ready(request, behind=behind)))
        if (  # all that `hold` would do is this, as it nearly always is
            not behind
            and self.state is WAITING
            and self.stream is None
            and request.holds
            and not request.close
            and not self.window.has_early
        ):
            self.held = request
            return HOLD
        ready = Ready(request, behind=behind)  # without an event of its own
        if self.state is HAVE_REQUEST:
            return self.hold_instead(ready)
        return self._meet(ready)  # as `hold` and `answer_request` do

    @on(WAITING, Ready, to=(HAVE_REQUEST, HAVE_PACKET, END))
    def hold(self, ready: Ready) -> Step:
        """Hold the request; or, if its client lacks packets, answer it with these."""
        return self._meet(ready)

    @on(HAVE_REQUEST, Ready, to=(WAITING, HAVE_PACKET, END))
    def hold_instead(self, ready: Ready) -> Step:
        """Release the older carrier, and hold the request instead; or answer it with what its client lacks."""
        request = ready.request
        if not request.holds or request.close:
            return self._serve(request)
        if self.policy.second_request == "ends":
            return self._end("closed", Refuse(request, session_ended("closed", None, self.window.last)))
        return self._meet(ready)

    @on(HAVE_PACKET, Ready, to=(WAITING, HAVE_REQUEST, END))
    def answer_request(self, ready: Ready) -> Step:
        """Answer the request with all that is queued; or hold it, if that has expired."""
        return self._meet(ready)

    def _meet(self, ready: Ready) -> Step:
        request = ready.request
        if request.close or not request.holds:
            return self._serve(request)
        actions: tuple[object, ...] = ()
        if self.held is not None or self.stream is not None:
            actions = self._release_carrier()
        if self.window.has_early:
            actions += self._successor()
        outbox = self.outbox
        # A client whose request completes another may not read what went out with that while it was served.
        if outbox.unsent or (outbox.resends and (ready.behind or (self.completes and outbox.packets))):
            return self._answer(request, actions)
        self.held = request
        if self.state is HAVE_REQUEST:
            return repeat(*actions)
        return goto(HAVE_REQUEST, *actions) if actions else HOLD

    def _serve(self, request: Request) -> Step:
        """Serve a request that is not to be held, whatever the state: one that closes, or a send."""
        if request.close:
            return self._end("closed", self.outbox.answer(request, self.most_bytes))
        if self.stream is not None:
            self.stream.heard = True
        answer = Answer(request, 0, ())
        return stay(answer, *self._successor()) if self.window.has_early else stay(answer)

    def _answer(self, request: Request, actions: tuple[object, ...]) -> Step:
        answer = self.outbox.answer(request, self.most_bytes)
        if self.outbox.unsent:
            return goto(HAVE_PACKET, *actions, answer, *self._die)
        if self.state is WAITING:
            return repeat(*actions, answer)
        return goto(WAITING, *actions, answer)

    # -- requests that came early -------------------------------------------------------

    def _successor(self) -> tuple[object, ...]:
        """Return the actions that give its turn to an early request, if the next one has come."""
        successor = self.window.take_expected()
        if successor is None:
            return ()
        return (NextEvent(successor),) if self.window.has_early else (NextEvent(successor), Cancel(EARLY))

    def _out_of_order(self, request: Request) -> Step:
        if not self.window.early(request.rid):
            return stay(Refuse(request, self._outside(request)))
        alone = not self.window.has_early
        older = self.window.keep(request.rid, request)
        if older is None:
            return stay(Timeout(EARLY, self.wait)) if alone else stay()
        detail = f"request {request.rid} has been sent again on another connection"
        return stay(Refuse(older, ProtocolError("rid-out-of-window", detail)))

    @on(ANY, timeout(EARLY))
    def give_up_early(self, _: TimedOut) -> Step:
        """Refuse the requests that waited for one before them."""
        return stay(*[Refuse(request, self._outside(request)) for request in self.window.give_up()])

    def _outside(self, request: Request) -> ProtocolError:
        detail = f"request {request.rid} came where {self.window.expected} was expected"
        return ProtocolError("rid-out-of-window", detail)

    # -- connections that break -----------------------------------------------------------

    @on(HAVE_REQUEST, RequestDropped, to=(WAITING, END))
    def forget_held(self, event: RequestDropped) -> Step | None:
        """Forget the held request if it is the one whose connection broke."""
        if event.request is not self.held:
            return self.forget_early(event)
        self.held = None
        return self._end("closed") if self.policy.drop_ends else goto(WAITING)

    @on((WAITING, HAVE_PACKET), RequestDropped)
    def forget_early(self, event: RequestDropped) -> Step | None:
        """Forget an early request whose connection broke."""
        self.window.forget(event.request.rid, event.request)
        return None


# Steps and actions are values, so those of every delivery are made once for all sessions.

HOLD = goto(SessionMachine.have_request)


def expiries(outbox: Outbox) -> tuple[object, ...]:
    """Return the action that lets packets expire in time, if that was not asked for before."""
    due = outbox.next_due()
    return () if due is None else (ExpireAt(due),)
