"""The machine of one session: where a request meets a packet.

1.  `waiting`: no request is held and nothing new is to be sent. `have_request`: one request is
    held until a packet comes. `have_packet`: a packet waits for a request.
2.  A request that comes and does not acknowledge all that was sent is answered at once, so
    while one is held there is nothing in the outbox but what was sent since that one came.
3.  At most one request is held. A second one releases the first with an empty answer, so a
    client may send at any moment on its second connection. Its packets are handed over before
    that: what the application answers at once still goes out with the first.
4.  There is one timer, the session's patience, and it always runs: `wait` seconds while a request
    is held, after which that is answered; `die` seconds while none is, after which the session
    ends. It is started by the enter actions, and by nothing else, except after an answer that
    leaves packets behind. So no state lacks a timer that ends it.
5.  New requests are processed in the order of their ids; an early one waits for those before
    it. A retry hands nothing over again, but is answered like any request.
6.  An error changes nothing: it is found before the window or the outbox moves.
7.  When the session ends, every request that waits gets `session-ended`, and what was never
    acknowledged stays in the outbox for the application, the packet that was too much included.
8.  A tracked packet may be dropped, or expire, as long as it was not sent. If that was all that
    waited, the state stays `have_packet` until the next request, which is then held: the die
    timer goes on, so packets that come and expire do not keep a session without a client.

9.  Two things only the shell can know, and is asked (`Arbiter`): whether the packets of a request may be let in, in
    the turn in which it is processed, and whether a client whose queue is full still reads, so that there is room
    for as much again.

Pure: time and requests come in as events, answers and timers go out as actions.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.fsm import (
    ANY,
    END,
    Cancel,
    NextEvent,
    State,
    StateMachine,
    Step,
    TimedOut,
    Timeout,
    enter,
    goto,
    on,
    repeat,
    stay,
    stop,
    timeout,
)
from cometary.packets.packet import Packet
from cometary.sessions.events import (
    Answer,
    Arrival,
    End,
    ExpireAt,
    Expiry,
    HandedOver,
    HandOver,
    Refuse,
    Request,
    RequestDropped,
)
from cometary.sessions.outbox import Outbox
from cometary.sessions.window import RequestWindow

if TYPE_CHECKING:
    from cometary.sessions.settings import SessionSettings

PATIENCE = "patience"
EARLY = "early"


class Arbiter:
    """What the shell says to the questions of rule 9; where there is none, all are let in, and nobody reads."""

    __slots__ = ()

    def refusal(self, request: Request) -> ProtocolError | None:  # noqa: ARG002
        """Let the packets of `request` in, whose turn has come; or return the error for it, with nothing changed."""
        return None

    def may_fall_behind(self) -> bool:
        """Whether a client whose queue is full reads; if so, the shell has taken note that it is behind."""
        return False


NO_SHELL: Final = Arbiter()


class SessionMachine(StateMachine):
    """One session, without its connections.

    Args:
        settings: times and limits.
        first_rid: the id of the request that opened the session.
        wait: seconds that this client wants its requests held at most; never more than the
            settings allow.
    """

    __slots__ = (
        "_behind",
        "_dying",
        "_waiting",
        "arbiter",
        "held",
        "outbox",
        "settings",
        "wait",
        "window",
    )

    waiting = State("no request held, nothing new to send", initial=True)
    have_request = State("a request is held until a packet comes")
    have_packet = State("a packet waits for a request")

    def __init__(self, settings: SessionSettings, first_rid: int = 1, wait: float | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.outbox = Outbox(settings.max_queued_packets, settings.max_queued_bytes)
        self.window: RequestWindow[Request] = RequestWindow(first_rid, settings.requests)
        self.held: Request | None = None
        self.arbiter = NO_SHELL
        self._behind = False  # from `HandOver` to `HandedOver`, what `_meet` is to know then
        self.wait = settings.wait if wait is None else min(wait, settings.wait)
        self._waiting = patience(self.wait)
        self._dying = patience(settings.die)

    # -- timers -------------------------------------------------------------------------

    @enter(waiting)
    def wait_for_the_client(self, _: State) -> tuple[object, ...]:
        """Start to lose patience with the client."""
        return self._dying

    @enter(have_request)
    def wait_for_a_packet(self, _: State) -> tuple[object, ...]:
        """Start to lose patience with the application."""
        return self._waiting

    # -- packets for the client ---------------------------------------------------------

    @on(waiting, Packet, to=(have_packet, END))
    def queue_first(self, packet: Packet) -> Step:
        """Queue it."""
        return (
            goto(self.have_packet)
            if self.outbox.append(packet) or self._append_beyond(packet)
            else self._overflow(packet)
        )

    @on(have_packet, Packet, to=END)
    def queue_another(self, packet: Packet) -> Step | None:
        """Queue it."""
        return None if self.outbox.append(packet) or self._append_beyond(packet) else self._overflow(packet)

    @on(have_request, Packet, to=(waiting, END))
    def answer_with(self, packet: Packet) -> Step:
        """Answer the held request with it."""
        if not (self.outbox.append(packet) or self._append_beyond(packet)):
            return self._overflow(packet)
        return goto(self.waiting, self.outbox.answer(self._release(), self.settings.max_response_bytes))

    def _append_beyond(self, packet: Packet) -> bool:
        """Take a packet for which there is no room, into a stretched outbox, if it may be (rule 9)."""
        return self._stretched() and self.outbox.append(packet)

    def _stretched(self) -> bool:
        outbox = self.outbox
        if outbox.max_packets > outbox.limit_packets or not self.arbiter.may_fall_behind():
            return False
        outbox.stretch()
        return True

    # -- tracked packets for the client -------------------------------------------------

    @on((waiting, have_packet), Arrival, to=(have_packet, END))
    def queue_by_contract(self, event: Arrival) -> Step | None:
        """Queue it, or drop it or others as its contract says."""
        outbox = self.outbox
        if not self._admit(event):
            return self._overflow(event.packet)
        return goto(self.have_packet, *expiries(outbox)) if outbox.unsent else None

    @on(have_request, Arrival, to=(waiting, END))
    def answer_by_contract(self, event: Arrival) -> Step | None:
        """Answer the held request with it, if there is room for it at all."""
        if not self._admit(event):
            return self._overflow(event.packet)
        if not self.outbox.unsent:
            return None
        return goto(self.waiting, self.outbox.answer(self._release(), self.settings.max_response_bytes))

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

    # -- requests of the client ---------------------------------------------------------

    @on(ANY, Request, to=(waiting, have_request, have_packet, END))
    def request_arrives(self, request: Request) -> Step:
        """Check it; hand its packets over if it has any, else let it meet what is queued."""
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
                self._behind = behind
                return stay(HandOver(request))
        return self._meet(request, behind=behind)

    @on(ANY, HandedOver, to=(waiting, have_request, have_packet, END))
    def packets_handed_over(self, event: HandedOver) -> Step:
        """Let the request meet what is queued, by now perhaps an answer to its own packets."""
        return self._meet(event.request, behind=self._behind or self.outbox.unsent)

    def _meet(self, request: Request, *, behind: bool) -> Step:
        """Answer with what is queued, or hold the request and release the one held before.

        Args:
            request: it has been checked, and its packets have been handed over.
            behind: whether there is anything that the client, by this request, does not have.
        """
        if request.close:
            return self._end("closed", self.outbox.answer(request, self.settings.max_response_bytes))
        actions: tuple[object, ...] = ()
        if self.held is not None:
            actions = (Answer(self._release(), 0, ()),)
        if self.window.has_early:
            actions += self._successor()
        return self._answer(request, actions) if behind else self._hold(request, actions)

    def _successor(self) -> tuple[object, ...]:
        """Return the actions that give its turn to an early request, if the next one has come."""
        successor = self.window.take_expected()
        if successor is None:
            return ()
        return (NextEvent(successor),) if self.window.has_early else (NextEvent(successor), Cancel(EARLY))

    def _answer(self, request: Request, actions: tuple[object, ...]) -> Step:
        answer = self.outbox.answer(request, self.settings.max_response_bytes)
        if self.outbox.unsent:
            return goto(self.have_packet, *actions, answer, *self._dying)
        if self.state is self.waiting:
            return repeat(*actions, answer)
        return goto(self.waiting, *actions, answer)

    def _hold(self, request: Request, actions: tuple[object, ...]) -> Step:
        self.held = request
        if self.state is self.have_request:
            return repeat(*actions)
        return goto(self.have_request, *actions) if actions else HOLD

    def _release(self) -> Request:
        """Let go of the held request; for `have_request` only (rule 1)."""
        held, self.held = self.held, None
        return held  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    # -- requests that came early -------------------------------------------------------

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

    # -- connections that break, timers that run out ------------------------------------

    @on(have_request, RequestDropped, to=waiting)
    def forget_held(self, event: RequestDropped) -> Step | None:
        """Forget the held request if it is the one whose connection broke."""
        if event.request is self.held:
            self.held = None
            return goto(self.waiting)
        return self.forget_early(event)

    @on((waiting, have_packet), RequestDropped)
    def forget_early(self, event: RequestDropped) -> Step | None:
        """Forget an early request whose connection broke."""
        self.window.forget(event.request.rid, event.request)
        return None

    @on(have_request, timeout(PATIENCE), to=waiting)
    def wait_runs_out(self, _: TimedOut) -> Step:
        """Answer the held request with nothing."""
        return goto(self.waiting, Answer(self._release(), 0, ()))

    @on((waiting, have_packet), timeout(PATIENCE), to=END)
    def die_runs_out(self, _: TimedOut) -> Step:
        """End the session: the client has gone."""
        return self._end("timeout")

    # -- the end ------------------------------------------------------------------------

    @on(ANY, End, to=END)
    def end(self, event: End) -> Step:
        """End the session because the application or the server says so."""
        return self._end(event.reason)

    def _overflow(self, packet: Packet) -> Step:
        self.outbox.keep(packet)  # room or not: it may have been stretched
        return self._end("overflow")

    def _end(self, reason: str, *actions: object) -> Step:
        left = self.window.give_up()
        if self.held is not None:
            left.append(self._release())
        return stop(reason, *actions, *[Refuse(request, session_ended(reason)) for request in left])


# Steps and actions are values, so those of every delivery are made once for all sessions.

HOLD = goto(SessionMachine.have_request)


@functools.lru_cache(maxsize=1024)
def patience(seconds: float) -> tuple[object, ...]:
    """Return the actions that start the session's one timer anew."""
    return (Timeout(PATIENCE, seconds),)


def expiries(outbox: Outbox) -> tuple[object, ...]:
    """Return the action that lets packets expire in time, if that was not asked for before."""
    due = outbox.next_due()
    return () if due is None else (ExpireAt(due),)


def session_ended(reason: str) -> ProtocolError:
    """Return the error for a request to a session that has ended for `reason`."""
    return ProtocolError("session-ended", f"the session has ended: {reason}", reason=reason)
