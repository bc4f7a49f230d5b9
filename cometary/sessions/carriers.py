"""The carriers of one session: what takes packets to its client, and how long anybody waits for one.

1.  A **carrier** is a held request, which is answered once, or a stream, which stays. `waiting`: there is none, and
    nothing new is to be sent. `have_request`: there is one, until a packet comes, or for as long as the stream takes
    all that comes. `have_packet`: a packet waits for one.
2.  A session has one carrier at most. Another one releases it: a request by an empty answer, so that a client may
    send at any moment on its second connection.
3.  It has one timer, `HOLD_OR_DIE`, which always runs. With a carrier it is the hold timer: after `wait` seconds a
    request is answered; after `beat` seconds without a sign of life a stream is asked for one, and released `grace`
    seconds later. Without one it is the die timer: after `die` seconds the session ends. It is started by the enter
    actions, and otherwise only where the state stays and the timer is to begin anew. So no state lacks a timer that
    ends it.
4.  A stream that takes no more is no carrier until it does again: it stays attached, but the session waits without
    one. The same holds after each batch of a client that lacks more than one: the stream goes on in another turn.
5.  A stream is sent what it has not carried (`Stream.carried`), whatever is acknowledged; a new one begins behind
    what its client has.

This is the half of the session's machine that deals with them; the other half, packets and requests, builds on it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.fsm import (
    ANY,
    END,
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
from cometary.sessions.arbiter import NO_SHELL
from cometary.sessions.events import (
    Answer,
    Attach,
    Beat,
    End,
    Full,
    Heard,
    Refuse,
    Release,
    Request,
    Stream,
    StreamDropped,
    Writable,
    Write,
    WriteMore,
    session_ended,
)
from cometary.sessions.machine_data import MachineData
from cometary.sessions.outbox import Outbox
from cometary.sessions.policy import Policy, policy_of
from cometary.sessions.presuming import PresumingOutbox
from cometary.sessions.window import RequestWindow

if TYPE_CHECKING:
    from cometary.sessions.settings import SessionSettings

HOLD_OR_DIE: Final = "hold or die"
"""The timer of rule 3. It is one, since it starts anew twice for each delivery; two would have to be cancelled too."""


class CarrierMachine(StateMachine, MachineData):
    """The half of a session's machine that is about carriers; see `MachineData` for its attributes.

    Args:
        settings: limits.
        first_rid: the id of the request that opened the session.
        wait: seconds that this client wants its requests held at most; never more than the
            policy allows.
        policy: times and manners; if None, those of the native protocol.
    """

    __slots__ = ("_die", "_hold")

    waiting = State("no carrier, nothing new to send", initial=True)
    have_request = State("a carrier is there until a packet comes, or stays")
    have_packet = State("a packet waits for a carrier")

    def __init__(
        self,
        settings: SessionSettings,
        first_rid: int = 1,
        wait: float | None = None,
        policy: Policy | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.policy = policy = policy or policy_of(settings)
        self.outbox = outbox_of(settings, policy)
        self.completes = policy.second_request == "completes"
        self.most_bytes = settings.max_response_bytes if policy.bundling else 0
        self.window = RequestWindow(first_rid, policy.requests)
        self.held = None
        self.stream = None
        self.arbiter = NO_SHELL
        self.wait = policy.wait if wait is None else min(wait, policy.wait)
        self._hold = hold_or_die(self.wait)
        self._die = hold_or_die(policy.die)

    @property
    def has_carrier(self) -> bool:
        """Whether there is a carrier that takes packets."""
        return self.state is self.have_request

    # -- the timer (rule 3) -------------------------------------------------------------

    @enter(waiting)
    def start_die_timer(self, _: State) -> tuple[object, ...]:
        """Start the die timer: there is no carrier."""
        return self._die

    @enter(have_request)
    def start_hold_timer(self, _: State) -> tuple[object, ...]:
        """Start the hold timer: a carrier is there."""
        stream = self.stream
        if stream is None:
            return self._hold
        return hold_or_die(self.policy.grace if stream.asked else self.policy.beat)

    @on((waiting, have_packet), timeout(HOLD_OR_DIE), to=END)
    def die_runs_out(self, _: TimedOut) -> Step:
        """End the session: the client has gone."""
        return self._end("timeout")

    @on(have_request, timeout(HOLD_OR_DIE), to=waiting)
    def hold_runs_out(self, _: TimedOut) -> Step:
        """Answer the held request with nothing; ask a stream for a sign of life, or release it."""
        stream = self.stream
        if stream is None:
            return goto(self.waiting, Answer(self._let_go_of_held(), 0, ()))
        if stream.heard:
            stream.heard = stream.asked = False
            return repeat()
        if not stream.asked:
            stream.asked = True
            return repeat(Beat(stream))
        self.stream = None
        return goto(self.waiting, Release(stream))

    def _let_go_of_held(self) -> Request:
        """Let go of the held request; for `have_request` without a stream only."""
        held, self.held = self.held, None
        return held  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    # -- streams --------------------------------------------------------------------------

    @on(ANY, Attach, to=(have_request, have_packet))
    def attach(self, event: Attach) -> Step:
        """Release the older carrier, and have the stream carry all that its client lacks."""
        stream = event.stream
        try:
            self.outbox.acknowledge(event.ack)
        except ProtocolError as error:
            return stay(Refuse(stream, error))
        older = self._release_carrier()
        self.stream = stream
        stream.carried = self.outbox.acknowledged if self.outbox.resends else self.outbox.sent
        return self._carry(stream, older)

    @on(waiting, Writable, to=have_request)
    def stream_is_back(self, event: Writable) -> Step | None:
        """Have a carrier again, if it is the stream that is attached."""
        return goto(self.have_request) if event.stream is self.stream else None

    @on(have_packet, Writable, to=have_request)
    def go_on(self, event: Writable) -> Step | None:
        """Have the stream carry all that waits, if it is the one that is attached."""
        return self._carry(event.stream, ()) if event.stream is self.stream else None

    def _carry(self, stream: Stream, actions: tuple[object, ...]) -> Step:
        if self.outbox.has_more(stream.carried):
            actions += (self._next_write(stream),)
            if self.outbox.has_more(stream.carried):
                return goto(self.have_packet, *actions, WriteMore(stream), *self._die)
        if self.state is self.have_request:
            return repeat(*actions)
        return goto(self.have_request, *actions)

    def _next_write(self, stream: Stream) -> Write:
        first_seq, packets = self.outbox.batch(self.most_bytes, stream.carried)
        stream.carried = first_seq - 1 + len(packets)
        return Write(stream, first_seq, packets)

    @on(have_request, Full, to=waiting)
    def stream_is_full(self, event: Full) -> Step | None:
        """Wait until the stream takes more, if it is the one that is attached."""
        return goto(self.waiting) if event.stream is self.stream else None

    @on(have_packet, Full)
    @on(have_request, Writable)
    def as_known(self, _: Full | Writable) -> Step | None:
        """Do nothing: the session waits for it already; or it is another stream."""
        return None

    @on(have_request, Heard, to=waiting)
    def carrier_is_heard(self, event: Heard) -> Step | None:
        """Take what it acknowledges, and take note that the client lives."""
        refuse = self._hear(event)
        return None if refuse is None else goto(self.waiting, refuse)

    @on((waiting, have_packet), Heard)
    def stream_is_heard(self, event: Heard) -> Step | None:
        """Take what it acknowledges."""
        refuse = self._hear(event)
        return None if refuse is None else stay(refuse)

    def _hear(self, event: Heard) -> Refuse | None:
        """Take an acknowledgement; or let go of the stream, and return the action that refuses it."""
        try:
            self.outbox.acknowledge(event.ack)
        except ProtocolError as error:
            if event.stream is not self.stream:
                return None  # it has been finished before
            self.stream = None
            return Refuse(event.stream, error)
        event.stream.heard = True
        return None

    def _release_carrier(self) -> tuple[object, ...]:
        """Return the actions that release the request that is held, or the stream that is attached, if any is."""
        if self.held is not None:
            return (Answer(self._let_go_of_held(), 0, ()),)
        stream, self.stream = self.stream, None
        return () if stream is None else (Release(stream),)

    @on(have_request, StreamDropped, to=(waiting, END))
    def forget_stream(self, event: StreamDropped) -> Step | None:
        """Forget the stream if it is the one that is attached."""
        if event.stream is not self.stream:
            return None
        self.stream = None
        return self._end("closed") if self.policy.drop_ends else goto(self.waiting)

    @on((waiting, have_packet), StreamDropped, to=(waiting, END))
    def forget_full_stream(self, event: StreamDropped) -> Step | None:
        """Forget a stream that took no more, if it is the one that is attached."""
        if event.stream is not self.stream:
            return None
        self.stream = None
        if self.policy.drop_ends:
            return self._end("closed")
        return None if self.outbox.unsent else goto(self.waiting)

    # -- the end ------------------------------------------------------------------------

    @on(ANY, End, to=END)
    def end(self, event: End) -> Step:
        """End the session because the application or the server says so."""
        return self._end(event.reason, retry_after=event.retry_after)

    def _end(self, reason: str, *actions: object, retry_after: int | None = None) -> Step:
        left = self.let_go()
        refusals = [Refuse(carrier, session_ended(reason, retry_after, self.window.last)) for carrier in left]
        return stop(reason, *actions, *refusals)

    def let_go(self) -> list[Request | Stream]:
        """Let go of all that waits for an answer, or to be written to: the session ends, at least here."""
        left: list[Request | Stream] = []
        if self.held is not None:
            left.append(self._let_go_of_held())
        left += self.window.give_up()
        if self.stream is not None:
            left.append(self.stream)
            self.stream = None
        return left


def outbox_of(settings: SessionSettings, policy: Policy) -> Outbox:
    """Return an empty outbox that does as a policy says."""
    if policy.window is None:
        outbox = Outbox(settings.max_queued_packets, settings.max_queued_bytes)
    else:
        outbox = PresumingOutbox(settings.max_queued_packets, settings.max_queued_bytes, policy.window)
    outbox.resends = policy.resends
    return outbox


@functools.lru_cache(maxsize=1024)
def hold_or_die(seconds: float) -> tuple[object, ...]:
    """Return the actions that start the session's one timer anew."""
    return (Timeout(HOLD_OR_DIE, seconds),)
