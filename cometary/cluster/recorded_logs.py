"""Packets of paths whose logs outlive the node, in a recorded session: numbered, and read after an adoption.

1.  Such a packet moves the client's position on, in place of being recorded (`log_places`). So does the notice of a gap
    that says from where on nothing is missing.
2.  The node that adopts a session reads, once it knows where the client is, what each log has behind that: all of it is
    delivered, once and in order; or, if not all is kept or there is no room, the client is told of a gap, as by any
    replay (`cometary.sessions.replayed`).
3.  What comes of a path while its log is read has been routed here by then, so the log has it.
4.  A receipt of a packet that the client has is recorded before the record lets go of the packet (`due_receipts`); so
    the next owner makes those of what the record still has and is not accounted for.
5.  Of a path without such a log, and of a pattern with stars, nobody knows what was published meanwhile: a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cometary.cluster.deliveries import PASSING
from cometary.cluster.items import OwnPacket, read_own
from cometary.cluster.log_places import MOST_APART
from cometary.cluster.owner_events import Committed, Number, Published
from cometary.cluster.recorded_shell import RecordedShell
from cometary.errors import CometaryError
from cometary.log import get_logger
from cometary.packets.notices import AT_PATH
from cometary.packets.position import read_position
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.replayed import Replayed

if TYPE_CHECKING:
    from cometary.actors import Future
    from cometary.cluster.deliveries import Mark
    from cometary.dispatch.history import History
    from cometary.packets.packet import Packet
    from cometary.packets.position import Position

logger = get_logger("cometary.cluster")


class LogRead(NamedTuple):
    """To the actor of a recorded session: the log of a path was read.

    Attributes:
        path: the path.
        begins: from where on; None if only its end was asked for, since there is a gap.
        read: what it has.
    """

    path: str
    begins: Position | None
    read: Future[History]


class RecordedLogs(RecordedShell):
    """Numbers, and reads, what logs have."""

    __slots__ = ()

    # -- what comes

    def _publish(self, packet: Packet) -> None:
        places = self._recorded.places
        at = places.position_of(packet)
        if at is None:
            super()._publish(packet)
        elif places.awaits(packet.path, at):
            self._publish_at(packet, packet.path, at)

    def _publish_at(self, packet: Packet, path: str, at: Position | None) -> None:
        """Have a packet delivered behind which the client is at a position of a path (rule 1)."""
        places = self._recorded.places
        if at is None or not places.has(path):
            super()._publish(packet)
            return
        known = places.number_of(path)
        mark = places.mark(path, at)
        assert mark is not None  # noqa: S101 - it is that of a log
        self._tell_owner(Published(*mark, packet))
        if mark[0] != known:
            self._record_places()

    def _record_places(self) -> None:
        self._recorded.fields.touched = True
        self._tell_owner(self._recorded.with_changes((), self._manager.hub))

    def _mark_of(self, packet: Packet) -> Mark:
        if isinstance(packet, OwnPacket):
            return None
        return self._recorded.places.mark_of(packet) or PASSING

    def _replay(self, replayed: Replayed) -> None:
        """Deliver what was wished for of a path, from the place on that its notice names.

        The session may have been disconnected from it since: then it has no place there any more, and gets none.
        """
        path = replayed.path
        notice, *packets = replayed.that_fit(self._keeper.machine.outbox)
        told = notice.message.get("at")
        at = None if told is None else read_position(told)
        heard = self._recorded.recording.keeps(path) and self._manager.hub.is_connected(self._keeper, path)
        if at is not None and heard:
            self._recorded.places.put(path, at)
            self._record_places()
        self._publish_at(notice, path, at)
        for packet in packets:
            self._publish_at(packet, packet.path, self._recorded.places.position_of(packet))

    # -- after an adoption (rule 2)

    def _number(self, action: Number) -> None:
        """Go on where the client is."""
        self._keeper.machine.outbox.restore(action.acknowledged, 0, ())
        self._give_receipts()
        self._read_logs(dict(action.logs))
        self._recorded.forget_what_is_recorded()

    def _read_logs(self, said: dict[str, Position]) -> None:
        """Read on in the logs of all paths, from where its client says that it is, or else the record."""
        for path in self._manager.hub.paths(self._keeper).listed:
            begins = self._recorded.places.begin(path, said)
            if begins is None:
                self._publish(Replayed(path).gap())
                self._recorded.begin_anew(path)
            else:
                self._read(path, begins, self._most + 1)

    def _give_receipts(self) -> None:
        """Give the receipts of packets that the client has, and that the record still has: they were not given yet."""
        record, deliveries = self._recorded.machine.record, self._recorded.machine.deliveries
        known = 0 if deliveries is None else deliveries.own - record.base
        for number, item in enumerate(record.out[:known], record.base):
            packet = read_own(item)
            if packet.receipt is not None and number >= self._recorded.receipts.accounted:
                self._manager.settle(self._keeper, packet, "delivered")

    @property
    def _most(self) -> int:
        """How many packets of one path are read at most."""
        return self._manager.settings.max_queued_packets // 2

    def _read(self, path: str, begins: Position | None, limit: int) -> None:
        keeper, read = self._keeper, self._recorded.recording.read_log(path, begins, limit)
        read.add_done_callback(lambda: keeper.tell(LogRead(path, begins, read)))

    def _take_log(self, message: LogRead) -> None:
        path, begins, places = message.path, message.begins, self._recorded.places
        try:
            packets, at, complete = message.read.get()
        except CometaryError as error:
            text = f"what is kept of {path!r} could not be read for a session that goes on here: {error}"
            logger.warning("history not read", text=text, path=path)
            packets, at, complete = (), None, False
        if begins is not None and complete and len(packets) > self._most:
            self._read(path, None, 0)  # to know where it ends
            return
        if not places.end(path, at):
            return  # it is heard no more
        whole = begins if complete else None
        sid = self._keeper.sid
        wanted = [each for each in packets if not (isinstance(each, TrackedPacket) and each.exclude == sid)]
        replayed = Replayed(path, whole, at, wanted).that_fit(self._keeper.machine.outbox)
        for packet in replayed:
            if packet.path == path:
                self._publish_at(packet, path, places.position_of(packet))
            elif packet.path != AT_PATH:  # where the client is, it has said itself
                self._publish_at(packet, path, at)

    # -- what is recorded

    def _step_owner(self, event: object) -> None:
        super()._step_owner(event)
        if event.__class__ is Committed:
            self._recorded.note_recorded()

    def _shorten(self) -> None:
        """Have it recorded where the client is, if its position has become long."""
        deliveries = self._recorded.machine.deliveries
        if deliveries is not None and len(deliveries.position.logs) > MOST_APART:
            self._recorded.places.advance(deliveries.position)
            self._record_places()
