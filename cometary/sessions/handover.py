"""What is due is handed to the application: one call at a time, and in order.

1.  A plain handler runs to its end here. An async one runs as a task of the session's actor, and nothing else is
    handed over until it says that it has returned.
2.  A call is taken out of the keeper's queue before it is made, and none is once a handler has raised: the rest is
    for the next incarnation of the actor, and the failure comes first (`Handover.report`).
3.  A packet of the client waits while those that its session would overtake have not had their turn (`rounds`), while
    somebody is behind for whom its session is held (`flow`), and while the application has not handled what was
    before it. When nothing else waits, it is handed over without having been in the queue.
4.  When the session has ended and all is handed over, the actor stops.

Compiled where possible, which an actor cannot be.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from cometary.escapes import exit_in
from cometary.packets.packet import Packet
from cometary.packets.receipted import AskedPacket
from cometary.sessions.failure import Failure
from cometary.sessions.flow import CAUSE, Flow
from cometary.sessions.handler_times import HandlerTimes
from cometary.sessions.keeper import BEHIND, Recovered, SessionKeeper, SignedOff, SignedOn
from cometary.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cometary.sessions.events import Request
    from cometary.sessions.keeper import Call
    from cometary.sessions.manager import SessionManager


_set_cause: Final = CAUSE.set  # which compiled code finds without looking for its name; so the next
_reset_cause: Final = CAUSE.reset


class Caller(Protocol):
    """What only the session's actor can do."""

    def await_handler(self, outcome: Awaitable[object], item: Any, /) -> None:
        """Await what an async handler has returned, as a task of its own, and say then that it has."""
        ...

    def push(self, packet: Packet, /) -> None:
        """Send the session a packet in the actor's own turn."""
        ...

    def tell_itself(self, message: object, /) -> None:
        """Have the actor handle `message`, unless it has ended for good."""
        ...

    def stop(self) -> None:
        """Stop: there is nothing more to do."""
        ...


class Handover:
    """Hands over what is due, for one incarnation of a session's actor.

    Args:
        keeper: the session.
        manager: knows the application, and who has to wait for whom.

    Attributes:
        runs: whether an async handler runs, and nothing is handed over.
        fails: whether a handler has raised: what is queued is for the next incarnation.
    """

    __slots__ = ("_began", "_flow", "_keeper", "_manager", "_session", "_share", "_times", "fails", "runs")

    def __init__(self, keeper: SessionKeeper, manager: SessionManager) -> None:
        self._keeper = keeper
        self._manager = manager
        self._session = Session(keeper, manager.hub)
        self._flow: Flow = manager.flow
        self._times: HandlerTimes = manager.handler_times
        self._began = 0.0  # when the async handler was called that runs, if its time is taken
        self._share = 0  # how many packets it may hand over in this turn, of those of its round
        self.runs = False
        self.fails = False

    def take_in(self, caller: Caller, request: Request) -> None:
        """Hand over the packets of a request, or as many of them as may be by now.

        Raises:
            BaseException: what a handler has raised; the rest waits for the next incarnation.
        """
        keeper, packets = self._keeper, request.packets
        keeper.received += len(packets)
        try:
            if len(packets) == 1 and not (keeper.unhandled or self._is_stuck() or self._waits(request.size)):
                self._call(caller, packets[0])
                if not keeper.unhandled:
                    return
            else:
                keeper.queue(*packets, size=request.size)
            self.serve(caller)
        except BaseException:
            self.fails = True
            raise

    def serve(self, caller: Caller) -> None:
        """Hand over all that is due, and stop the actor if that was the last of all.

        Raises:
            BaseException: what a handler has raised.
        """
        keeper = self._keeper
        while not (self._is_stuck() or (keeper.next_is_packet and self._waits(keeper.next_size))):
            item = keeper.next_unhandled()
            if item is None:
                break
            self._call(caller, item)
        if keeper.sign_off is not None and not (keeper.unhandled or self._is_stuck()):
            self._manager.gone(keeper)
            caller.stop()

    def go_on(self, caller: Caller, share: int) -> None:
        """Go on, in a round of which `share` packets are this session's; 0: it is held no more."""
        if share:
            self._keeper.waits = False
        self._share = share
        try:
            self.serve(caller)
        finally:
            self._share = 0

    def report(self, caller: Caller, item: Call | Failure, error: BaseException) -> None:
        """Have it handed over next that a call has failed with `error`."""
        if self._keeper.forward is not None:
            return  # the session has moved, and it is reported where that goes on
        if isinstance(item, Packet):
            failure = Failure("packet", error, self._session, packet=item)
            if isinstance(item, AskedPacket):
                caller.tell_itself(item.failed())
        elif isinstance(item, SignedOn):
            failure = Failure("signon", error, self._session)
        elif isinstance(item, Recovered):
            failure = Failure("recovered", error, self._session)
        elif isinstance(item, SignedOff):
            failure = Failure(
                "signoff", error, self._session, reason=item.reason, undelivered=item.undelivered
            )
        else:
            return  # the failure of the call for a failure: to report it would never end
        self._keeper.report(failure)

    def returned(self, item: Call | Failure) -> None:
        """Take note that the async handler that ran has returned, or raised."""
        self._times.end(self._began, item)

    def _is_stuck(self) -> bool:
        return self.runs or self.fails

    def _waits(self, size: int) -> bool:
        """Whether the client's next packet may not be handed over yet; if so, there will be a `GoOn`."""
        keeper, manager = self._keeper, self._manager
        if manager.shutting_down:
            return False
        flow = self._flow
        rounds = flow.rounds
        if keeper.lag == BEHIND:
            flow.hold_for(keeper, keeper.ref)
        if keeper.waits or keeper.holds:
            return True
        if self._share > 0 and rounds.take_of_share(size):
            self._share -= 1
            return False
        if rounds.take(size):
            if keeper.unhandled > 1:  # it came with others: these are to have theirs in between
                rounds.count()
            return False
        rounds.wait(keeper)
        return True

    def _call(self, caller: Caller, item: Call | Failure) -> None:
        keeper = self._keeper
        keeper.serving = caller
        cause = _set_cause(keeper if isinstance(item, Packet) else None)
        began = self._times.begin()
        awaitable = False
        try:
            outcome = self._hand_over(item)
            awaitable = outcome is not None and inspect.isawaitable(outcome)
        except BaseException as error:
            if exit_in(error) is None:
                self.report(caller, item, error)
            raise
        finally:
            _reset_cause(cause)
            keeper.serving = None
            if began and not awaitable:
                self._times.end(began, item)
        if awaitable:
            self._began = began
            self._flow.rounds.count()  # by what it will bring about, a later round would be charged
            self.runs = True
            keeper.begun = item
            caller.await_handler(cast("Awaitable[object]", outcome), item)

    def _hand_over(self, item: Call | Failure) -> Any:
        application = self._manager.application
        if isinstance(item, Packet):
            return application.received(self._session, item)
        if isinstance(item, SignedOn):
            return application.signed_on(self._session)
        if isinstance(item, Recovered):
            return application.resumed(self._session)
        if isinstance(item, SignedOff):
            if self._keeper.settled:
                return None  # the server waits no longer, and has said that the application is not told
            item.undelivered.extend(self._manager.left(self._keeper))
            return application.signed_off(self._session, item.reason, item.undelivered)
        return application.failed(item)
