"""What a back-end is told of a recorded session: part of its record until the back-end has it.

1.  An event has a number, and an id that is made of the session's name and that. It is sent when it is recorded, and
    not before: so no number is given twice, and the node that adopts the session sends, under the same ids, all that
    the back-end is not known to have. It may get an event twice, and knows it by its id.
2.  An event is recorded at the latest with the end of the call that brought it about. A call that was interrupted by
    the death of its node is reported as a failure; whoever reports that sees here whether the event itself was.
3.  Of the end of a session nobody knows any more when it is settled. So that waits until the back-end has everything,
    or it was given up. Whether the handlers have had their turn is recorded meanwhile: they did not fail.
4.  No more than `MOST` events of a session, and `MOST_BYTES` of them, are recorded at a time. Others are sent at once,
    and are lost with their node, as are all events of sessions that are not recorded.
5.  Each event that waits has a field of its own, so that one more costs the same however many there are. Fields are
    never removed: that of an event that waits no more is empty, and the next event's.

Pure.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from cometary.cluster.session_fields import REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cometary.cluster.change import Fields

MOST: Final = 100
MOST_BYTES: Final = 64 << 10

SIGN_OFF: Final = "signoff"


class Report(NamedTuple):
    """An event.

    Attributes:
        id: the same, however often it is sent.
        kind: its type.
        body: what is sent.
    """

    id: str
    kind: str
    body: str


class Written(msgspec.Struct, omit_defaults=True):
    """What is recorded beside the events that the back-end is not known to have.

    Attributes:
        last: how many events there were.
        ended: whether one of them told of the session's end.
        told: whether the application was told of the end.
    """

    last: int = 0
    ended: bool = False
    told: bool = False


class Waiting(NamedTuple):
    """An event that the back-end is not known to have.

    Attributes:
        report: the event.
        place: of its field (rule 5).
        written: what is recorded of it.
    """

    report: Report
    place: int
    written: bytes


EMPTY: Final = b""
"""What is recorded of an event that waits no more."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Written).decode
_decode_report: Final = msgspec.json.Decoder(Report).decode


class Reports:
    """The events of one session.

    Args:
        name: of the session.
        fields: what is recorded.
    """

    __slots__ = (
        "_bytes",
        "_changed",
        "_free",
        "_name",
        "_places",
        "_unrecorded",
        "_waiting",
        "_was",
        "changed",
    )

    def __init__(self, name: str, fields: Mapping[str, bytes] | None = None) -> None:
        self._name = name
        written = dict(fields or {})
        head = written.pop(REPORTS, None)
        self._was = Written() if head is None else _decode(head)
        events = [(_place_of(field), value) for field, value in written.items()]
        waiting = [Waiting(_decode_report(value), place, value) for place, value in events if value != EMPTY]
        self._waiting = {each.report.id: each for each in sorted(waiting, key=_number_of)}
        self._bytes = sum(len(each.report.body) for each in waiting)
        self._places = max([place + 1 for place, _ in events], default=0)
        self._free = sorted([place for place, value in events if value == EMPTY])
        self._changed: dict[
            str, bytes
        ] = {}  # fields of events, since it was last asked what is to be recorded
        self._unrecorded: dict[str, None] = {}
        self.changed = False
        """Whether there is something to record."""

    @property
    def begun(self) -> bool:
        """Whether there was any event."""
        return self._was.last > 0

    @property
    def ended(self) -> bool:
        """Whether there was one that told of the end."""
        return self._was.ended

    @property
    def told(self) -> bool:
        """Whether the application was told of the end."""
        return self._was.told

    @property
    def waiting(self) -> tuple[Report, ...]:
        """What the back-end is not known to have."""
        return tuple([each.report for each in self._waiting.values()])

    def add(
        self, kind: str, write: Callable[[str, int], bytes], may_wait: Callable[[int], bool] | None = None
    ) -> tuple[Report, bool]:
        """Take an event; returns it, and whether it is to be recorded before it is sent.

        Args:
            kind: its type.
            write: returns what is sent, given its id and its number.
            may_wait: returns whether what is sent may be recorded, given how many bytes it is; None if it always may.
        """
        self._was.last += 1
        self._was.ended |= kind == SIGN_OFF
        self.changed = True
        number = self._was.last
        event_id = f"{self._name}-{number}"
        report = Report(event_id, kind, write(event_id, number).decode())
        size = len(report.body)
        fits = len(self._waiting) < MOST and self._bytes + size <= MOST_BYTES
        waits = fits and (may_wait is None or may_wait(size))
        if waits:
            place = self._new_place()
            self._waiting[event_id] = waiting = Waiting(report, place, _encode(report))
            self._changed[_field(place)] = waiting.written
            self._bytes += size
            self._unrecorded[event_id] = None
        return report, waits

    def _new_place(self) -> int:
        """Return the place of a field that is empty, or of another one."""
        if self._free:
            return heappop(self._free)
        self._places += 1
        return self._places - 1

    def settle(self, event_id: str) -> None:
        """Take note that the back-end has an event, or that it was given up."""
        settled = self._waiting.pop(event_id, None)
        if settled is not None:
            self._bytes -= len(settled.report.body)
            self._changed[_field(settled.place)] = EMPTY
            heappush(self._free, settled.place)
            self.changed = True

    def note_told(self) -> None:
        """Take note that the application was told of the end."""
        if not self._was.told:
            self._was.told = self.changed = True

    def written(self) -> Fields:
        """Return what is to be recorded, of that which has changed since this was last asked."""
        self.changed = False
        changed, self._changed = self._changed, {}
        return ((REPORTS, _encode(self._was)), *changed.items())

    def note_recorded(self, fields: Mapping[str, bytes]) -> list[Report]:
        """Take note of what is recorded; returns the events that may be sent now."""
        unrecorded = [self._waiting[each] for each in self._unrecorded if each in self._waiting]
        recorded = [each.report for each in unrecorded if fields.get(_field(each.place)) == each.written]
        for report in recorded:
            del self._unrecorded[report.id]
        return recorded

    def take_unrecorded(self) -> list[Report]:
        """Return the events that will not be recorded any more."""
        left = [self._waiting[each].report for each in self._unrecorded if each in self._waiting]
        self._unrecorded.clear()
        return left


def _field(place: int) -> str:
    return f"{REPORTS}.{place}"


def _place_of(field: str) -> int:
    return int(field.rpartition(".")[2])


def _number_of(waiting: Waiting) -> int:
    return int(waiting.report.id.rpartition("-")[2])
