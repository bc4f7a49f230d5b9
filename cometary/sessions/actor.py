"""The actor of one session: the shell around its machine.

1.  Everything that happens to the session is a message, handled in order: packets for the
    client, the client's requests, broken connections, timers. The commonest are handled by `short_steps`.
2.  The packets of a request are handed over before the request is held or answered, so that what a plain handler
    sends back goes out at once. A handler that crashes takes no answer with it: the machine hears `Ready` all the
    same. It also hears that when not all of the packets may be handed over yet (`rounds`, `flow`): the others have
    their turn later, as behind an async handler, and what is sent back then goes out with the request if that is
    held.
3.  The application is called one call at a time (`handover`). A plain handler runs to its end here. An
    async handler runs as a task of this actor while the actor goes on with rule 1, so a slow
    handler delays the application's next call for this session but never a push.
4.  When the session has ended, a message to itself comes behind all packets that were sent to it before. Then the
    sign-off is queued behind what the application has not handled yet. Only when that is handed over is it settled
    what is undelivered: until then anybody may send more (see `cometary.sessions.posting`).
5.  A call is taken out of the keeper's queue before it is made. When a handler crashes, the
    supervisor restarts this actor on the same keeper, and the next call is the one behind it.
6.  Before that call comes the failure: what was called, with what, and what it raised. It is queued before the actor
    ends, and an actor's tasks are gone before its next incarnation begins; so nothing gets between a call and its
    failure. The failure of a call that reports a failure is not reported: that would never end.
7.  What a plain handler sends goes out at once, and what an async one sends comes as mail. So after a crash the
    waiting mail comes first, then the next call: the mail may be what the handler before it sent.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from cometary.actors import Actor, Timer
from cometary.actors.messages import answer_if_discarded
from cometary.escapes import escapes
from cometary.fsm import StartTimer
from cometary.packets.packet import Packet
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.arbiter import NO_SHELL
from cometary.sessions.effects import advance, perform
from cometary.sessions.events import (
    Arrival,
    Attach,
    Expiry,
    Heard,
    Ready,
    Request,
    Stream,
    StreamDropped,
    Writable,
)
from cometary.sessions.flow import CAUSE
from cometary.sessions.handover import Handover
from cometary.sessions.keeper import BEHIND, SIGNED_ON, TOO_SLOW, SignedOff
from cometary.sessions.replayed import Replayed
from cometary.sessions.rounds import GoOn
from cometary.sessions.session_arbiter import BehindTooLong, look_whether_caught_up, no_longer_behind
from cometary.sessions.short_steps import ShortSteps, meet, receive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.actors.scheduled_cell import ScheduledCell
    from cometary.fsm import Observer
    from cometary.sessions.failure import Failure
    from cometary.sessions.keeper import Call, SessionKeeper
    from cometary.sessions.machine import SessionMachine
    from cometary.sessions.manager import SessionManager


answer_if_discarded(Request)
answer_if_discarded(Attach)

EXPIRY: Final = "expiry"
"""The timer for packets that expire."""


class HandlerDone(NamedTuple):
    """The async handler that ran as a task of `owner` has returned."""

    owner: SessionActor


class SignOff:
    """To itself: the session has ended, and all packets that were sent to it before that have come."""


class LookForExpired(NamedTuple):
    """From a timer: packets may have expired, now that it is `time`."""

    time: float


class SessionActor(Actor):
    """Runs one session.

    Args:
        keeper: the session's lasting part.
        manager: knows all sessions, the application and the router.
    """

    __slots__ = ("_handover", "_keeper", "_manager")

    def __init__(self, keeper: SessionKeeper, manager: SessionManager) -> None:
        super().__init__()
        self._keeper = keeper
        self._manager = manager
        self._handover = Handover(keeper, manager)

    @property
    def display_name(self) -> str:
        """What the supervision tree shows: the session's public name."""
        return self._keeper.name

    def on_start(self) -> None:
        """Begin the session, or go on with it after a crash."""
        keeper = self._keeper
        if keeper.forward is not None:
            self.stop()  # it crashed, and before this incarnation could begin the session has moved
            return
        if not keeper.started:
            keeper.started = True
            keeper.queue(SIGNED_ON)
            perform(self, keeper, keeper.machine.start())
        elif not self.actor_inbox.empty():
            self._handover.runs = True  # as it were: rule 7
            self.tell_itself(HandlerDone(self))
        cast("ScheduledCell", self.actor_inbox).shortcut = ShortSteps(self, keeper, self._handover)
        self._handover.serve(self)

    def on_receive(self, message: Any) -> None:
        """Step the machine and do what it asks for."""
        if not receive(self, self._keeper, message):
            self._receive_in_full(message)

    def _receive_in_full(self, message: Any) -> None:
        kind: type = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind is Packet:
            if not advance(self, self._keeper, message):
                self._manager.too_late(self._keeper, message)
        elif isinstance(message, Request):
            self._take_request(message)
        elif kind is Heard:
            self._take_sign(message)
        elif kind is Attach:
            self._take_stream(message)
        else:
            self._take_other(kind, message)

    def _take_other(self, kind: type, message: Any) -> None:  # noqa: C901 - one line for each kind
        if kind is HandlerDone:
            if message.owner is self:  # else it is a handler of the incarnation before
                self._handover.runs = False
                self._handover.serve(self)
        elif kind is StartTimer:
            self._step(message.timed_out())
        elif isinstance(message, TrackedPacket):
            self._take_tracked(message)
        elif kind is Replayed:
            self._replay(message)
        elif kind is LookForExpired:
            # Adding and subtracting times rounds them: the clock may read a little less than was asked for.
            self._step(Expiry(max(message.time, self.system.scheduler.now())))
        elif kind is SignOff:
            self._sign_off()
        elif kind is GoOn:
            self._handover.go_on(self, message.share)
        elif kind is BehindTooLong:
            if self._keeper.lag == BEHIND:
                no_longer_behind(self._keeper, self._manager.flow, TOO_SLOW)
        else:
            self._step(message)

    def system_machine(self) -> SessionMachine:
        """What operators are shown: the session's machine."""
        return self._keeper.machine

    def system_machine_state(self) -> str:
        """See `cometary.actors.sys.process_info`."""
        return self._keeper.machine.state.name

    def system_observe(self, observer: Observer) -> Callable[[], None]:
        """See `cometary.actors.sys.trace`: tell `observer` of the machine's transitions."""
        return self._keeper.machine.observe(observer)

    def _replay(self, replayed: Replayed) -> None:
        if self._keeper.ended is None:
            for packet in replayed.that_fit(self._keeper.machine.outbox):
                self.on_receive(packet)

    def push(self, packet: Packet) -> None:
        """Send `packet` to the client; for a handler that this actor is calling."""
        self.on_receive(packet)

    def _take_sign(self, sign: Heard) -> None:
        keeper = self._keeper
        if keeper.ended is not None:
            return  # its stream was told
        if (
            sign.ack <= keeper.machine.outbox.acknowledged
            and (refusal := self._manager.turnstile.idle_refusal(keeper)) is not None
        ):
            sign.stream.refuse(refusal)
            advance(self, keeper, StreamDropped(sign.stream))
            return
        advance(self, keeper, sign)
        self._look_whether_caught_up()

    def _take_stream(self, attach: Attach) -> None:
        keeper, stream = self._keeper, attach.stream
        if keeper.ended is not None:
            stream.refuse(keeper.over())
            return
        if (
            attach.ack <= keeper.machine.outbox.acknowledged
            and (refusal := self._manager.turnstile.idle_refusal(keeper)) is not None
        ):
            stream.refuse(refusal)
            return
        advance(self, keeper, attach)
        self._look_whether_caught_up()
        stream.taken()

    def _step(self, event: object) -> None:
        if advance(self, self._keeper, event):
            if self._keeper.lag:  # what expires, or is presumed to have arrived, leaves room
                self._look_whether_caught_up()
        elif isinstance(event, Packet):
            self._manager.too_late(self._keeper, event)

    def _take_tracked(self, packet: TrackedPacket) -> None:
        keeper = self._keeper
        if keeper.ended is not None:
            self._manager.too_late(keeper, packet)
            return
        self._step(Arrival(packet, self.system.scheduler.now(), partial(self._manager.settle, keeper)))

    def _take_request(self, request: Request) -> None:
        keeper = self._keeper
        if keeper.ended is not None:
            request.refuse(keeper.over())
            return
        machine = keeper.machine
        if (
            request.ack
            <= machine.outbox.acknowledged  # it brings nothing: no higher one, no packets that are new
            and (not request.packets or machine.window.seen(request.rid))
            and (refusal := self._manager.turnstile.idle_refusal(keeper)) is not None
        ):
            request.refuse(refusal)
            return
        advance(self, keeper, request)
        self._look_whether_caught_up()

    def _look_whether_caught_up(self) -> None:
        if self._keeper.lag and self._keeper.ended is None:
            look_whether_caught_up(self._keeper, self._manager.flow)

    # -- what the machine asks for, and `effects` leaves to the actor --------------------

    def take_in(self, ready: Ready) -> None:
        """Hand the packets of a request to the application (rule 2)."""
        try:
            self._handover.take_in(self, ready.request)
        finally:  # a handler that crashes must not take the request with it
            if not (meet(self._keeper, ready) or advance(self, self._keeper, ready)):
                ready.request.refuse(self._keeper.over())

    def write_more(self, stream: Stream) -> None:
        """Have the machine go on with `stream` behind the waiting mail."""
        self.tell_itself(Writable(stream))

    def new_timer(self, name: str) -> Timer:
        """Make the timer `name`; the keeper keeps it, for the next incarnation too."""
        timer = self.timer(None)
        self._keeper.keep_timer(name, timer)
        return timer

    def expire_at(self, time: float) -> None:
        """Tell the machine when it is `time`, in seconds of Trio's clock."""
        timer = self._keeper.timer(EXPIRY) or self.new_timer(EXPIRY)
        timer.message = LookForExpired(time)
        timer.start(max(time - self.system.scheduler.now(), 0.0))

    def end(self, reason: str) -> None:
        """Take note that the session has ended for `reason` (rule 4)."""
        keeper = self._keeper
        keeper.ended = reason
        keeper.last_rid = keeper.machine.window.last
        keeper.machine.arbiter = NO_SHELL  # the one that there was leads back here
        for timer in keeper.timers.values():
            timer.close()
        self._manager.ended(keeper, reason)  # from here on nobody finds it, to send it more
        self.tell_itself(SignOff())

    def _sign_off(self) -> None:
        keeper = self._keeper
        if keeper.sign_off is None:
            keeper.list_late()
            keeper.sign_off = SignedOff(cast("str", keeper.ended), [])
            keeper.queue(keeper.sign_off)
        self._handover.serve(self)

    # -- the application: what `handover` leaves to the actor -----------------------------

    def tell_itself(self, message: object) -> None:
        """Handle `message` behind the waiting mail, unless it has ended for good by then."""
        self.actor_inbox.put_if_open(message)

    def await_handler(self, outcome: Awaitable[object], item: Call | Failure) -> None:
        """Await what an async handler has returned, as a task of its own."""
        self.start_task(self._finish, outcome, item)

    async def _finish(self, outcome: Awaitable[object], item: Call | Failure) -> None:
        cause = CAUSE.set(self._keeper if isinstance(item, Packet) else None)
        try:
            await outcome
        except BaseException as error:
            if escapes(error):  # cancelled: the actor has ended of something else
                self._handover.report(self, item, self.actor_inbox.dead())
            else:
                self._handover.report(self, item, error)
            raise
        finally:
            CAUSE.reset(cause)
            self._handover.returned(item)
            self._keeper.begun = None
        self.tell_itself(HandlerDone(self))
