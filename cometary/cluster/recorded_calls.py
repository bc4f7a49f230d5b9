"""The application's calls for a recorded session, and its end.

1.  The application is called for one item of the inbox at a time, by the same `handover` as in any session. The call
    is over when nothing of it is left, not even a failure still to be told. What a plain handler sends is part of the
    one change that says so; what is sent at any other time is a change of its own. A call that the node before had
    begun is over when the application was told of its death.
2.  Should a handler crash the actor, its next incarnation finds all that matters in the `RecordedSession`.
3.  If the session ends beneath (nobody comes for it, or there is no room), only the owner's machine hears of that.
    The end is told when it is recorded, and the rest of it is as in any session, except that the sign-off has its
    turn in the inbox: so it is told once, where the session is then. If only a back-end has still to be told, a server
    that stops leaves that to the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.actors import NORMAL
from cometary.cluster.change import Change, Verdict
from cometary.cluster.items import Ending, read_item, read_own, write_ending
from cometary.cluster.owner_events import Committed, Drain, Returned, Yielded
from cometary.cluster.owner_events import End as OwnerEnd
from cometary.cluster.recorded_logs import RecordedLogs
from cometary.errors import ActorEndedError
from cometary.packets.packet import Packet
from cometary.packets.receipted import AskedPacket
from cometary.sessions.events import End
from cometary.sessions.failure import Failure
from cometary.sessions.keeper import SIGNED_ON, SignedOff
from cometary.sessions.session import Session

if TYPE_CHECKING:
    from cometary.actors import Exit
    from cometary.fsm import StartTimer

DIED = "the process that had the session died while its handler ran"
"""Why a call that had begun has failed."""

CONFIRMED = Committed(Verdict.OK)


class RecordedCalls(RecordedLogs):
    """Calls the application."""

    __slots__ = ()

    def _call(self, item: bytes) -> None:
        """Call the application for an item of the inbox (rule 1)."""
        keeper, what = self._keeper, read_item(item)
        if isinstance(what, Ending):
            self._recorded.signs_off = self._recorded.last = True
            self._sign_off_in_turn()
            return
        if what is None:
            keeper.queue(SIGNED_ON)
        else:
            keeper.received += 1
            keeper.queue(what, size=len(item))
        self._handover.serve(self)

    def _look_whether_returned(self) -> None:
        """Tell the owner's machine what has become of the call that it wanted, if it does not know yet."""
        recorded, handover = self._recorded, self._handover
        if recorded.dead or recorded.leaving:
            self._look_whether_told()
        if not recorded.calling or self._invoked or self._keeper.unhandled or handover.fails:
            return
        if handover.runs:
            if not recorded.yielded:
                recorded.yielded = True
                self._tell_owner(Yielded())
        elif self._keeper.sign_off is not None or not recorded.signs_off:
            if recorded.last and recorded.is_awaited:
                self._await()
                return
            recorded.calling = False
            out = self._take_what_waits()
            change = Change(out=out, fields=recorded.changed(self._manager.hub))
            self._tell_owner(Returned(change, recorded.accounted))

    def _await(self) -> None:
        """Have the record of a session that has ended stay until all were told, here or elsewhere."""
        recorded = self._recorded
        recorded.reports.note_told()
        self._record_reports()
        if recorded.receipts.leaving and not (recorded.receipts.begun or recorded.hurries):
            recorded.hurries = True
            self._tell_owner(Drain(hurry=True))

    def _record_reports(self) -> None:
        """Record what back-ends and the handlers of receipts are to be told, if that has changed."""
        if self._recorded.reports.changed or self._recorded.receipts.changed:
            self._tell_owner(self._recorded.with_changes((), self._manager.hub))

    def _look_whether_told(self) -> None:
        """See whether the application was told of handlers that died, and whether the session may go on elsewhere."""
        recorded, handover = self._recorded, self._handover
        if recorded.dead and not (self._keeper.unhandled or handover.fails or handover.runs):
            for each in recorded.dead:
                recorded.receipts.end(each.number)
            recorded.dead = ()
        if recorded.leaving and not recorded.receipts.begun:
            recorded.leaving = False
            self._record_reports()
            self._tell_owner(Drain())

    def _step_owner(self, event: object) -> None:
        super()._step_owner(event)
        recorded = self._recorded
        if event == CONFIRMED and not (recorded.dead or recorded.forgotten):
            recorded.dead = recorded.receipts.interrupted
            self._report_dead()

    def _report_dead(self) -> None:
        """Tell the application of the handlers of receipts that had begun where the session was before."""
        error, session = ActorEndedError(DIED, "node-died"), Session(self._keeper, self._manager.hub)
        for each in self._recorded.dead:
            self._keeper.report(Failure("receipt", error, session, receipt=each.receipt))
            self._due = True

    def _report_death(self, item: bytes) -> None:
        """Tell the application of a call that had begun where the session was before, and may have been made."""
        keeper, what, manager = self._keeper, read_item(item), self._manager
        self._recorded.calling, self._recorded.yielded = True, False
        self._recorded.last = isinstance(what, Ending)
        error, session = ActorEndedError(DIED, "node-died"), Session(keeper, manager.hub)
        if isinstance(what, Packet):
            keeper.report(Failure("packet", error, session, packet=what))
            if isinstance(what, AskedPacket):
                self.push(what.failed())
        elif what is None:
            keeper.report(Failure("signon", error, session))
        elif not self._recorded.reports.told:
            undelivered = manager.left(keeper)
            keeper.report(Failure("signoff", error, session, reason=what.reason, undelivered=undelivered))
        self._due = True

    # -- the end (rule 3)

    def _end(self, reason: str) -> None:
        recorded = self._recorded
        if recorded.ends is None:
            recorded.ends = reason
            self._tell_owner(OwnerEnd(reason, write_ending(reason)))

    def _die(self, timer: StartTimer) -> None:
        keeper, unmet = self._keeper, self._recorded.machine.unmet
        if all(running.token != timer.token for running in keeper.machine.running_timers):
            return
        clock = keeper.hold_or_die
        if clock is not None and any(not getattr(each.exchange, "broken", False) for each in unmet):
            # The client has not gone: its request waits for the engine, or for a handler.
            clock.start(keeper.machine.policy.die)
        else:
            self._end("timeout")

    def end(self, reason: str) -> None:
        """Take note that the session has ended beneath."""
        if self._recorded.told:
            super().end(reason)
        else:
            self._end(reason)

    def _close(self, reason: str) -> None:
        """Tell that the session has ended, now that this is recorded."""
        keeper, recorded = self._keeper, self._recorded
        recorded.told, recorded.ends = True, reason
        unnumbered, record = recorded.machine.unnumbered, recorded.machine.record
        first = record.base + len(record.out) - len(unnumbered)
        for number, item in enumerate(unnumbered, first):  # it will not be delivered any more
            packet = read_own(item)
            if number < recorded.receipts.accounted:
                packet.receipt = None  # the owner before has made it
            keeper.machine.outbox.keep(packet)
        window, closes = keeper.machine.window, recorded.closes
        window.expected = max(window.expected, recorded.machine.record.rid + 1)
        if keeper.machine.stage == "stopped":
            super().end(reason)
        elif closes is not None and not getattr(closes, "broken", False):
            closes.packets = ()
            window.expected = closes.rid
            self._beneath(closes)
        else:
            self._beneath(End(reason, keeper.retry_after))

    def _sign_off(self) -> None:
        self._recorded.may_sign_off = True
        self._sign_off_in_turn()

    def _sign_off_in_turn(self) -> None:
        """Call the application for the end, when its turn has come, and so has all that was sent before it."""
        keeper, recorded = self._keeper, self._recorded
        if not (recorded.may_sign_off and recorded.signs_off) or keeper.sign_off is not None:
            return
        keeper.list_late()
        keeper.sign_off = SignedOff(recorded.ends or "", [])
        keeper.queue(keeper.sign_off)
        self._handover.serve(self)

    def stop(self, exit: Exit | str = NORMAL) -> None:  # noqa: A002 - as it is in `Actor`
        """Do not stop yet: `handover` wants that when the application was told of the end, yet to be recorded."""

    def _leave(self) -> None:
        super().stop()
