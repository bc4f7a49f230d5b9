"""What a recorded session has besides its keeper, and what outlives a crash of its actor: see `recorded_actor`."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.cluster.due_receipts import accounted_for
from cometary.cluster.items import OwnPacket
from cometary.cluster.log_places import LogPlaces
from cometary.cluster.mirrored import MirroredMachine
from cometary.cluster.owner_events import Committed, Drain, Restored, Sent
from cometary.cluster.recorded_receipts import RecordedReceipts
from cometary.cluster.reports import Report, Reports
from cometary.cluster.session_fields import PLACES, RECEIPTS
from cometary.errors import CometaryError
from cometary.sessions.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.actors import Future
    from cometary.cluster.change import Fields, Verdict
    from cometary.cluster.deliveries import Deliveries
    from cometary.cluster.due_receipts import Due
    from cometary.cluster.engine import Engine
    from cometary.cluster.owner import OwnerMachine
    from cometary.cluster.owner_events import Commit, PutBack
    from cometary.cluster.recorded_actor import RecordedActor
    from cometary.cluster.recording import Recording
    from cometary.cluster.session_fields import SessionFields
    from cometary.dispatch.history import History
    from cometary.packets.packet import Packet
    from cometary.packets.receipts import Receipt
    from cometary.sessions.application import Hub
    from cometary.sessions.events import Request, Stream
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.outbox import Outbox


class Own(NamedTuple):
    """To the actor of a recorded session: a packet that was sent to it alone waits."""


OWN: Final = Own()


class Touched(NamedTuple):
    """To the actor of a recorded session: it was connected to paths, or disconnected."""


class Verify(NamedTuple):
    """To the actor of a recorded session: see whether it is still this node's."""


class RecordedSession(Recorder):
    """The lasting part of what stands between a session and those who send it anything.

    Args:
        keeper: the session.
        machine: that of its owner.
        fields: what is recorded of it besides its packets.
        engine: records it.
        recording: knows all sessions, and what becomes of requests for others.

    Attributes:
        calling: whether the application is called for an item of the inbox, or is to be; or is told that such a call
            died with its node.
        last: whether that is the last call, for the end.
        yielded: whether the machine knows that this takes its time.
        waiting: what was sent to it alone, and is not on its way to the engine yet.
        closes: the request with which its client ends it.
        ends: why the session has ended beneath, or is to end.
        told: whether the end is recorded, so that it may be told.
        may_sign_off: whether all that was sent to it before its end has come.
        signs_off: whether the application may be told of its end.
        lapses: how often the lease of this node had lapsed, as far as the machine knows.
        forgotten: whether the session is no longer here.
        leaving: whether it is to go on elsewhere, and its owner's machine does not know yet.
        hurries: whether that machine knows that only others have still to be told of its end.
        handed_on: see `Recorder.handed_on`.
        places: where it is in the logs of its paths.
        reports: what back-ends are to be told of it.
        receipts: those of its packets.
        dead: the receipts whose handlers died with their node, of which the application is being told.
        greeted: a stream that has told its client the generation, and is attached when something comes that counts.
    """

    __slots__ = (
        "_accounted",
        "_finding",
        "_keeper",
        "calling",
        "closes",
        "dead",
        "ends",
        "engine",
        "fields",
        "forgotten",
        "greeted",
        "handed_on",
        "hurries",
        "lapses",
        "last",
        "leaving",
        "machine",
        "may_sign_off",
        "places",
        "receipts",
        "recording",
        "reports",
        "signs_off",
        "told",
        "waiting",
        "yielded",
    )

    def __init__(
        self,
        keeper: SessionKeeper,
        machine: OwnerMachine,
        fields: SessionFields,
        engine: Engine,
        recording: Recording,
    ) -> None:
        self._keeper = keeper
        self.machine = machine
        self.fields = fields
        self.engine = engine
        self.recording = recording
        self.calling = False
        self.last = False
        self.yielded = False
        self.waiting: deque[Packet] = deque()
        self.closes: Request | None = None
        self.ends: str | None = None
        self.told = False
        self.may_sign_off = False
        self.signs_off = False
        self.lapses = recording.lapses
        self.forgotten = False
        self.leaving = False
        self.hurries = False
        self.handed_on = False
        self.greeted: Stream | None = None
        self.places = LogPlaces(machine.record.generation, fields.places, fields.paths)
        self.reports = Reports(keeper.name, fields.reports)
        self.receipts = RecordedReceipts(
            fields.receipts, recording.receipts, self._touch_receipts, self._is_owned
        )
        self.dead: tuple[Due, ...] = ()
        self._accounted = self.receipts.accounted
        self._finding: dict[str, Future[History]] = {}

    # -- what the keeper asks (`Recorder`)

    @property
    def actor(self) -> type[RecordedActor]:
        """See `Recorder.actor`."""
        from cometary.cluster.mirrored_actor import MirroredActor  # noqa: PLC0415 - it knows this class
        from cometary.cluster.recorded_actor import RecordedActor  # noqa: PLC0415 - so does this

        return MirroredActor if self.mirrored else RecordedActor

    @property
    def mirrored(self) -> bool:
        """Whether its client knows nothing of positions."""
        return isinstance(self.machine, MirroredMachine)

    @property
    def generation(self) -> int:
        """See `Recorder.generation`."""
        return self.machine.record.generation

    def sent(self, packet: Packet, /) -> object:
        """See `Recorder.sent`."""
        self.waiting.append(packet)
        return OWN

    def connected(self, patterns: Sequence[str]) -> None:
        """See `Recorder.connected`."""
        for path in patterns:
            if self.places.lacks(path):
                self._find_place(path)
        self._touched()

    def disconnected(self, patterns: Sequence[str]) -> None:
        """See `Recorder.disconnected`."""
        for path in patterns:
            self._finding.pop(path, None)
            self.places.drop(path)
        self._touched()

    def begin_anew(self, path: str) -> None:
        """Take note that nobody knows what the client has had of a path: what is published from now on is for it."""
        self.places.drop(path)
        self._find_place(path)

    def _find_place(self, path: str) -> None:
        """Ask where the log of a path ends: what is routed here from now on is behind that."""
        if self.recording.keeps(path):
            self._finding[path] = read = self.recording.read_log(path, None, 0)
            read.add_done_callback(partial(self._take_place, path, read))

    def _take_place(self, path: str, read: Future[History]) -> None:
        if self._finding.get(path) is not read:
            return
        del self._finding[path]
        try:
            at = read.get().at
        except CometaryError:
            return  # should the session go on elsewhere, its client is told of a gap
        if at is not None and not self.places.has(path):
            self.places.put(path, at)
            self._touched()

    def _touched(self) -> None:
        self.fields.touched = True
        self._keeper.tell(Touched())

    def verify(self) -> None:
        """Have the engine asked whether the session is still this node's."""
        self._keeper.tell(Verify())

    def leave(self) -> None:
        """See `Recorder.leave`."""
        self._keeper.tell(Drain())

    # -- what back-ends are told

    def report(
        self, kind: str, write: Callable[[str, int], bytes], may_wait: Callable[[int], bool] | None, /
    ) -> bool:
        """See `Recorder.report`."""
        report, waits = self.reports.add(kind, write, may_wait)
        sent = waits or self._send_one(report)
        if waits and self.forgotten:
            self.send_unrecorded()
        self._keeper.tell(Touched())
        return sent

    def has_reported(self, *, end: bool) -> bool:
        """See `Recorder.has_reported`."""
        return self.reports.ended if end else self.reports.begun

    def note_receipt(self, receipt: Receipt, /) -> None:
        """See `Recorder.note_receipt`."""
        self.receipts.add(receipt)

    def _touch_receipts(self) -> None:
        self._keeper.tell(Touched())

    def _is_owned(self) -> bool:
        """Whether this node has the session, as far as it can know."""
        recording = self.recording
        return recording.leased and self.lapses == recording.lapses and self.machine.sure

    def send_again(self) -> None:
        """Send what the owner before is not known to have sent."""
        self._send(self.reports.waiting)

    def send_unrecorded(self) -> None:
        """Send what can be recorded no more."""
        self._send(self.reports.take_unrecorded())

    @property
    def is_awaited(self) -> bool:
        """Whether a back-end has still to be told something, and this server tells it; or the handlers of a receipt."""
        return (bool(self.reports.waiting) and self.recording.tells_back_ends) or self.receipts.due

    def _send(self, reports: Sequence[Report]) -> None:
        for report in reports:
            self._send_one(report)

    def _send_one(self, report: Report) -> bool:
        return self.recording.tell_back_end(self._keeper.name, report, partial(self._settle, report.id))

    def _settle(self, event_id: str) -> None:
        self.reports.settle(event_id)
        self._keeper.tell(Touched())

    # -- what its actor asks

    def with_changes(self, packets: tuple[bytes, ...], hub: Hub) -> Sent:
        """Return the event that these packets are sent, with all that has changed besides."""
        return Sent(packets, self.changed(hub), self.accounted)

    @property
    def accounted(self) -> int:
        """How many packets sent to it alone have no receipt to come, if what `changed` has returned is recorded."""
        machine, keeper = self.machine, self._keeper
        deliveries, outbox = machine.deliveries, keeper.machine.outbox
        if keeper.settled:
            self._accounted = machine.record.base + len(machine.record.out)
        elif deliveries is not None and _has_all(deliveries, outbox):
            own = deliveries.own + deliveries.marks.count(None)
            waiting = [packet.receipt for packet in outbox.packets if isinstance(packet, OwnPacket)]
            self._accounted = accounted_for(own, waiting)
        return self._accounted

    def changed(self, hub: Hub) -> Fields:
        """Return what has changed besides its packets since this was last asked."""
        reports = self.reports.written() if self.reports.changed else ()
        receipts = self.receipts.written(self.accounted) if self.receipts.changed else None
        if not self.fields.touched:
            return self.fields.changed(self._keeper, reports=reports, receipts=receipts)
        self.fields.touched = False
        paths = hub.paths(self._keeper).listed
        return self.fields.changed(self._keeper, paths, self.places.written(), reports, receipts)

    def note_recorded(self) -> None:
        """Take note of the record that the engine has now."""
        fields = dict(self.machine.record.fields)
        if self.places.note_recorded(fields.get(PLACES)):
            self.forget_what_is_recorded()
        self._send(self.reports.note_recorded(fields))
        self.receipts.note_recorded(fields.get(RECEIPTS))

    def forget_what_is_recorded(self) -> None:
        """Leave out of the client's position what the record has of it."""
        deliveries = self.machine.deliveries
        if deliveries is not None and deliveries.position.logs:
            position = self.places.without_recorded(deliveries.position)
            self.machine.deliveries = deliveries._replace(position=position)

    def commit(self, action: Commit) -> None:
        """Have a change recorded."""

        def answered(verdict: Verdict) -> None:
            self._keeper.tell(Committed(verdict))

        self.engine.commit(self._keeper.sid, action.generation, action.version, action.change, answered)

    def put_back(self, action: PutBack) -> None:
        """Have the record that the engine has lost put back."""

        def answered(verdict: Verdict) -> None:
            self._keeper.tell(Restored(verdict))

        self.engine.restore(self._keeper.sid, action.record, answered)

    # -- what its requests ask

    def members(self, first_seq: int, packets: Sequence[Packet]) -> dict[str, Any]:
        """Return what an answer says besides its packets, which are numbered from `first_seq`."""
        deliveries = self.machine.deliveries
        if not packets or deliveries is None:
            return {"gen": self.generation}
        return {
            "gen": self.generation,
            "at": self.places.text(deliveries.position_at(first_seq - 1 + len(packets))),
        }

    # -- what its streams ask (`Placing`)

    def moved(self, first_seq: int, count: int) -> str | None:
        """See `Placing.moved`."""
        deliveries = self.machine.deliveries
        place = None if deliveries is None else deliveries.moved_by(first_seq, count)
        return None if place is None else self.places.text(place)

    def place(self, number: int) -> str:
        """See `Placing.place`."""
        deliveries = self.machine.deliveries
        return "" if deliveries is None else self.places.text(deliveries.position_at(number))


def _has_all(deliveries: Deliveries, outbox: Outbox) -> bool:
    """Whether an outbox has had all that was numbered; some may just be on its way there."""
    return deliveries.acknowledged + len(deliveries.marks) == outbox.acknowledged + len(outbox.packets)
