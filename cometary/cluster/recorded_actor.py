"""The actor of a recorded session: what becomes of each message, and of the client's requests.

1.  Everything that comes goes to the owner's machine first: see `recorded_shell`.
2.  A request meets the session's machine without its packets, which have been handed over by then, and in its turn:
    the owner's machine has put it there. So the window beneath follows that of the owner.
3.  The engine's answers come as mail, which waits for the next incarnation should this one crash.
4.  A session that is forgotten goes on elsewhere, or is over. Requests that still come are sent again.
5.  A packet of a durable path is recorded before it is delivered, as if it were sent to the session alone.
6.  What comes on a stream, or attaches one, has its own rules: see `recorded_streams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.cluster.items import write_item
from cometary.cluster.owner_events import (
    ClientRequest,
    ClientSign,
    Close,
    Commit,
    Committed,
    Deliver,
    Dismiss,
    Drain,
    Forget,
    Heed,
    Invoke,
    Meet,
    Number,
    PutBack,
    Renewed,
    ReportDeath,
    RequestBroken,
    Restored,
)
from cometary.cluster.recorded_logs import LogRead
from cometary.cluster.recorded_session import Own, Touched, Verify
from cometary.cluster.recorded_streams import RecordedStreams, position_of
from cometary.errors import ProtocolError
from cometary.fsm import StartTimer
from cometary.packets.packet import Packet
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.actor import HandlerDone, LookForExpired
from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.sessions.effects import perform
from cometary.sessions.events import (
    Attach,
    End,
    Heard,
    Request,
    RequestDropped,
    Stream,
    StreamDropped,
    session_ended,
)
from cometary.sessions.keeper import Recovered
from cometary.sessions.replayed import Replayed
from cometary.sessions.resuming import ResumingSign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.cluster.client_position import ClientPosition
    from cometary.sessions.resuming import Resuming

TO_THE_OWNER = frozenset({Committed, Restored})
"""Messages that go to the owner's machine as they are."""


class RecordedActor(RecordedStreams):
    """Runs one recorded session."""

    __slots__ = ()

    def on_start(self) -> None:
        """Begin with the session, or go on with it after a crash."""
        keeper = self._keeper
        if self._recorded.forgotten:
            self._leave()
        elif not keeper.started:
            keeper.started = True
            self._begin()
        elif not self.actor_inbox.empty():
            self._handover.runs = True  # as in any session: the mail that waits comes before the next call
            self.tell_itself(HandlerDone(self))
        else:
            self._handover.serve(self)
            self._go_on()

    def _begin(self) -> None:
        keeper, record = self._keeper, self._recorded.machine.record
        perform(self, keeper, keeper.machine.start())
        self._recorded.send_again()
        self._recorded.receipts.give_again()
        if record.ended is not None:  # it had ended before it came here; the application is still to be told
            self._close(record.ended)
        elif record.generation > 1:
            keeper.queue(Recovered())
            self._due = True
        self._do(self._recorded.machine.start())
        if self._recorded.receipts.interrupted:
            self._tell_owner(Renewed())  # they are told when it is confirmed that this is the owner
        self._go_on()

    def on_receive(self, message: Any) -> None:
        """Have the owner's machine, or the session's, take a message."""
        if self._recorded.forgotten:
            self._pass_on(message)
            return
        self._take(message)
        self._go_on()

    def _take(self, message: Any) -> None:  # noqa: C901, PLR0912 - one line for each kind
        kind: type = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind in TO_THE_OWNER:
            self._tell_owner(message)
        elif kind is Drain:
            self._recorded.leaving = True
            self._recorded.receipts.leave()
        elif kind is Verify:
            self._verify()
        elif kind is Own:
            self._send_what_waits()
        elif kind is Touched:
            self._tell_owner(self._recorded.with_changes(self._take_what_waits(), self._manager.hub))
        elif kind is Replayed:
            self._replay(message)
        elif kind is LogRead:
            self._take_log(message)
        elif kind is End:
            self._end(message.reason)
        elif kind is RequestDropped:
            self._drop(message.request)
        elif kind is StartTimer and message.name == HOLD_OR_DIE and not self._keeper.machine.has_carrier:
            self._die(message)
        elif kind is Attach:
            self._attach(message)
        elif kind is ResumingSign or kind is Heard:
            self._hear_sign(message)
        elif kind is StreamDropped and message.stream is self._recorded.greeted:
            self._recorded.greeted = None
        elif isinstance(message, Request):
            self._hear(message)
        elif isinstance(message, TrackedPacket) and message.contract.durable:
            self._recorded.waiting.append(message)
            self._send_what_waits()
        elif isinstance(message, Packet):
            self._publish(message)
        elif self._keeper.machine.stage == "running" or not isinstance(message, StartTimer | LookForExpired):
            self._receive_in_full(message)
            if kind is LookForExpired:
                self._number_anew()

    def _do(self, actions: Sequence[Any]) -> None:  # noqa: C901 - one line for each kind
        recorded = self._recorded
        for action in actions:
            kind: type = type(action)  # pyright: ignore[reportUnknownVariableType]
            if kind is Commit:
                recorded.commit(action)
            elif kind is Deliver:
                self._deliver(action.packets)
            elif kind is Meet:
                self._meet(action)
            elif kind is Heed:
                self._heed(action)
            elif kind is Invoke:
                recorded.calling, recorded.yielded = True, False
                self._invoked.append(action.item)
            elif kind is Dismiss:
                self._dismiss(action.request, action.condition)
            elif kind is PutBack:
                recorded.put_back(action)
            elif kind is Number:
                self._number(action)
            elif kind is ReportDeath:
                self._report_death(action.item)
            elif kind is Close:
                self._close(action.reason)
            elif kind is Forget:
                recorded.handed_on = action.hand_on
                self._forget([each.exchange for each in action.requests])

    # -- requests of the client

    def _hear(self, request: Any) -> None:
        says: Any = getattr(request, "resuming", None)
        refusal = self._refusal(request)
        try:
            position = position_of(says)
        except ProtocolError as error:
            request.refuse(error)
            return
        if refusal is not None:
            request.refuse(refusal)
            return
        request.recorder = self._recorded
        self._tell_request(request, says, position)

    def _tell_request(self, request: Any, says: Resuming, position: ClientPosition) -> None:
        """Have the owner's machine take a request, in the stead of one with the same id that waits."""
        for older in self._recorded.machine.waiting:
            if older.rid == request.rid:
                self._dismiss(older, "rid-out-of-window")
        packets = tuple([write_item(packet) for packet in request.packets])
        self._tell_owner(
            ClientRequest(request.rid, says.generation, request.ack, says.done, position, packets, request)
        )

    def _refusal(self, request: Request) -> ProtocolError | None:
        """Return what is wrong with how many packets or requests the client sends, if anything is."""
        keeper, turnstile, machine = self._keeper, self._manager.turnstile, self._recorded.machine
        if not request.packets:
            idle = request.ack <= keeper.machine.outbox.acknowledged and not request.close
            return turnstile.idle_refusal(keeper) if idle else None
        if request.rid < machine.expected:
            return None
        if machine.unfinished + len(request.packets) > keeper.machine.settings.max_unhandled_packets:
            detail = "the application has not handled the packets sent before these"
            return ProtocolError("too-many-requests", detail, retry_after=1)
        return turnstile.refusal(keeper, request)

    def _meet(self, action: Meet) -> None:
        """Hold a request or answer it (rule 2)."""
        keeper, request = self._keeper, action.request.exchange
        window = keeper.machine.window
        if keeper.ended is not None:
            request.refuse(keeper.over())
        elif getattr(request, "broken", False) or not action.counts:
            window.expected = max(window.expected, request.rid + 1)
            if not getattr(request, "broken", False):
                request.answer(0, ())
        elif request.close:
            window.expected = max(window.expected, request.rid)
            self._recorded.closes = request
            self._end("closed")
        else:
            window.expected = max(window.expected, request.rid)
            request.packets = ()
            if self._beneath(request):
                self._look_whether_caught_up()
                self._attach_greeted()
                self._shorten()
            else:  # it has ended there, which is to be told when it is recorded: by then the request comes again
                self._pass_on(request)

    def _drop(self, request: Any) -> None:
        request.broken = True
        for waiting in self._recorded.machine.waiting:
            if waiting.exchange is request:
                self._tell_owner(RequestBroken(waiting))
                return
        self._beneath(RequestDropped(request))

    def _dismiss(self, asking: ClientRequest | ClientSign, condition: str) -> None:
        refusal = self._dismissal(condition)
        if isinstance(asking, ClientSign):
            self._end_stream(asking.exchange.stream, refusal)
        else:
            asking.exchange.refuse(refusal)

    def _dismissal(self, condition: str) -> ProtocolError:
        if condition == "session-ended":
            ended = self._recorded.machine.record.ended or "failed"
            return session_ended(ended) if self._keeper.ended is None else self._keeper.over()
        if condition == "unavailable":
            detail = "too many requests of this session wait for their turn"
            return ProtocolError("too-many-requests", detail, retry_after=1)
        if condition == "bad-request":
            return ProtocolError(condition, "gen names a generation that the session never had")
        detail = "the session cannot go on with this request: its client is not where it should be"
        return ProtocolError(condition, detail)

    # -- elsewhere (rule 4)

    def _forget(self, requests: list[Any]) -> None:
        """Let go of the session: it is over, or goes on elsewhere."""
        self._recorded.forgotten = True
        self._recorded.receipts.forget(gone=self._recorded.machine.record.gone)
        self._release_greeted()
        if self._recorded.machine.record.gone:
            self._recorded.send_unrecorded()
            self._manager.gone(self._keeper)
        else:
            for packet in self._recorded.waiting:
                self._manager.refuse(self._keeper, packet)
            self._recorded.waiting.clear()
            held = self._manager.forget(self._keeper)
            for request in [*requests, *held]:
                self._pass_on(request)
        self._leave()

    def _pass_on(self, message: object) -> None:
        """Have a request met wherever the session is now."""
        asking = message.stream if isinstance(message, Attach) else message
        if not isinstance(asking, Request | Stream):
            return
        if self._recorded.machine.record.gone:
            asking.refuse(self._keeper.over())
        else:
            self._recorded.recording.pass_on(asking)
